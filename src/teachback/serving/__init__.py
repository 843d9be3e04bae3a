"""A student behind HTTP: answers, explanations, an OpenAI-compatible interface and a page.

``requests``       what a body may hold, and the refusals
``lanes``          bounded queues in front of the model, each with a worker of its own
``loading``        a student and the engine that it is made for: torch or OpenVINO
``engine``         the student as it is asked: checked, directly, explained, continued
``confidence``     how sure it is of an answer
``fall_back``      unsure answers go to a teacher; the threshold from labelled questions
``measurements``   what /metrics shows
``openai_replies`` replies in the form of OpenAI's interface
``decisions``      typed questions about a state (/v1/systemone)
``described``      the OpenAPI document
``app``            the routes and their guard
``server``         listening, and stopping without losing an answer
"""
