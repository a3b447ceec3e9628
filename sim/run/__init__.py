"""Running plans on components: machine, executor, jobs, and the plain record of what happened."""
