"""All tests; a folder a kind, as `make help` lists them."""
