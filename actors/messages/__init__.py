"""Every message an actor can be told, by who is told. The values that they carry are in `actors.values`."""
