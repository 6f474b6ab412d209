"""Stand-ins that tests put where the world would be."""
