"""The contact centre's configuration and the run-time layout: validated YAML whose errors name the line."""
