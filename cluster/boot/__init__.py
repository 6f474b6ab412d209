"""Starts and ends the whole product: store, Ray, hosts, gateways, adapters, pages."""
