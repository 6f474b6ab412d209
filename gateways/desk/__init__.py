"""The agent desk: a gateway for people who serve, with a web page for each of them."""
