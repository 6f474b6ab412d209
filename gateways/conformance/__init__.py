"""Checks whether an adapter, in any language, or a gateway keeps to the link protocol, and says what it does wrong.

    python -m gateways.conformance --listen 127.0.0.1:7351 --adapter './my-adapter --gateway {target} --token {token}'
    python -m gateways.conformance --target 127.0.0.1:7350 --token-file secrets/gateway.token

Kept: the kit knows the wire contracts and nothing else of Trunkline, so what it says holds for every implementation.
"""
