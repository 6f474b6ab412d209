"""Locust as the generator of `trunkline load`: one user is an adapter that carries many conversations over one link."""
