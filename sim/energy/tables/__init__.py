"""The energy tables that ship with the package, one YAML file per technology."""
