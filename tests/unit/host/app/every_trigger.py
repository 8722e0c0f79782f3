"""A function app with every trigger that the host serves. What it saw, it writes as blobs of its own."""

import os
import threading
from collections import defaultdict

import azure.functions as func
import azurefunctions.extensions.bindings.blob as sdk
from azure.storage.blob import BlobServiceClient

app = func.FunctionApp()
entered: defaultdict[str, threading.Event] = defaultdict(threading.Event)


def _tell(name: str, content: str) -> None:
    """Keep one blob per call: the test counts them."""
    account = BlobServiceClient.from_connection_string(os.environ["DROPSTORAGE"])
    container = account.get_container_client(os.environ["TOLD"])
    count = len(list(container.list_blobs(name_starts_with=f"{name}/")))
    container.upload_blob(f"{name}/{count}-{os.urandom(4).hex()}", content)


@app.blob_trigger(
    arg_name="drop", path="%DROPS%/{source}/{name}", connection="DROPSTORAGE", source=func.BlobSource.EVENT_GRID
)
def keep_reference(drop: sdk.BlobClient) -> None:
    if drop.blob_name.endswith(".bad"):
        raise ValueError("this file cannot be read")
    if drop.blob_name.endswith(".stuck"):
        entered["stuck"].set()
        threading.Event().wait()
    _tell("keep_reference", f"{drop.blob_name}={drop.download_blob().readall().decode()}")


@app.blob_trigger(
    arg_name="content", path="%PLAIN%/{name}", connection="DROPSTORAGE", source=func.BlobSource.EVENT_GRID
)
def keep_content(content: func.InputStream) -> None:
    _tell("keep_content", f"{content.name}={content.read().decode()}")


@app.timer_trigger(arg_name="timer", schedule="%TICK%")
def tick(timer: func.TimerRequest) -> None:
    _tell("tick", str(timer.past_due))
    entered["tick"].set()


@app.timer_trigger(arg_name="timer", schedule="0 0 3 * * *", run_on_startup=True)
async def at_start(timer: func.TimerRequest) -> None:
    print("printed by a function")
    _tell("at_start", str(timer.past_due))


@app.route(route="greet/{name}/{times:int?}", methods=["GET", "POST"], auth_level=func.AuthLevel.FUNCTION)
def greet(req: func.HttpRequest) -> func.HttpResponse:
    said = f"{req.method} {req.route_params} {req.params.get('how')} {req.get_body().decode()}"
    return func.HttpResponse(said, status_code=201, headers={"x-said": "yes", "Set-Cookie": "a=b; Path=/; HttpOnly"})


@app.route(route="open", auth_level=func.AuthLevel.ANONYMOUS)
def everyone(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("open")


@app.route(route="broken", auth_level=func.AuthLevel.ANONYMOUS)
def broken(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("boom")


@app.route(route="entered", auth_level=func.AuthLevel.ANONYMOUS)
def wait_until_entered(req: func.HttpRequest) -> func.HttpResponse:
    """Answer once the named function has come so far."""
    name = req.params.get("function", "stuck")
    return func.HttpResponse(name, status_code=200 if entered[name].wait(30) else 504)
