"""`trunkline load`: a scenario's customers, agents and administrators against the public interfaces, open loop.

    scenario.yaml -> plan.json ------> one or more generators (lean: asyncio, or Locust), each some parts:
                                         shapes -> arrivals -> customers -+
                                                                 desk ----+- wire -- gateway
                     conductor <------ progress, figures, evidence -------+
                         | verify, promises -> objectives -> report, exit status

A part (`part`) and everything in it is plain code with the time as an argument: it reads no clock and no socket. A
generator only moves frames and time. So Locust and the lean generator play exactly the same conversations.
"""
