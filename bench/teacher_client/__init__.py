"""How fast a teacher is asked, beside other libraries: ``python -m bench.teacher_client.run``.

``server`` is the mock server, ``load`` the load generator that finds its ceiling, ``ours`` asks
through teachback and each ``peer_…`` through another library. Those run under an interpreter of
their own and import nothing but the standard library and their peer.
"""
