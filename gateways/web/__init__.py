"""What the servers of browser pages share: sockets, attachments, listening, and the pages' message contracts."""
