"""`trunkline demo`: real customer questions, played through the public interfaces against simulated agents.

    questions.csv -> customers (plan, customer, channel) -- GatewayService --+
                                                                            cluster
                     agents    (shift, desk_agent, chat) -- DeskService -----+
    both -> observed (what was promised) -> product (`trunkline verify`) -> figures -> show

It knows the product only as anybody outside does: the gateway's protocol through `gateways.sdk`, the command line, and
`run.json`.
"""
