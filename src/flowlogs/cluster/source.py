"""How lines come to a function: by a subscription filter that names it, or by a stream that it reads."""


def leads_to(destination: str, function: str) -> bool:
    """Tell whether what is sent to a destination reaches a function.

    Args:
        destination: ARN that a subscription filter names: a function, a version or alias of it, or a stream.
        function: its name.

    Raises:
        botocore.exceptions.ClientError, BotoCoreError: who reads the stream may not be asked, or there is no
            answer.
    """
    if ":stream/" in destination:
        return _reads(function, destination)
    return destination.rpartition(":function:")[2].split(":")[0] == function


def _reads(function: str, stream: str) -> bool:
    import boto3

    found = boto3.client("lambda").list_event_source_mappings(EventSourceArn=stream)
    names = [each["FunctionArn"].rpartition(":function:")[2] for each in found["EventSourceMappings"]]
    return function in [name.split(":")[0] for name in names]
