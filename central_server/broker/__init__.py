"""The embedded MQTT broker: amqtt in a process of its own, for a shop or a pilot without a broker.

`launch.py` is the parent's side, `__main__.py` the child's; `server.py` is amqtt with its doors closed, and
`logins.py` says who may come in. Any other MQTT 3.1.1 broker may stand in its place
(docs/mosquitto.conf.example).
"""
