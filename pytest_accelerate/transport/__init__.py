"""What API providers share: policy, queue, retries, streams, credentials, metrics, redaction.

The policy of a call is sans-IO (:mod:`~pytest_accelerate.transport.exchange`): a generator that
says what to send and how long to sleep. Two thin drivers perform it, one for threads and one for
asyncio.
"""
