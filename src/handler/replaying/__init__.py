"""The parts of a run of the replay: objects are opened, sent in batches, and settled.

pace      how many events may be on their way
held      an object in hand
opening   an object, from the bucket to its payloads
dispatch  batches, to OpenSearch and back
settling  what became of them, to the bucket
"""
