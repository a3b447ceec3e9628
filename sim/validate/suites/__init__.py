"""The suites that ship with the package; one file each, registered with ``@suites.register``."""
