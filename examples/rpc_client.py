#!/usr/bin/env python3
"""A client of `atmqtt rpc`, with nothing but the standard library.

    python3 examples/rpc_client.py atmqtt --port mock
    python3 examples/rpc_client.py atmqtt --port /dev/ttyUSB0 --broker mqtt://broker.example

It connects, subscribes, publishes a message, prints what comes, and disconnects. Class `Modem` is what a program of your own
would take. What can be said is described in docs/rpc.schema.json.
"""

import itertools
import json
import queue
import subprocess
import sys
import threading
from concurrent.futures import Future


class RpcError(Exception):
    """Why a request was not done."""

    def __init__(self, error):
        data = error.get("data", {})
        super().__init__(f"{error['message']} ({data.get('code')})")
        self.number = error["code"]
        self.code = data.get("code")
        self.help = data.get("help")


class Modem:
    """A module behind `atmqtt rpc`. Any thread may call; requests are in flight together."""

    def __init__(self, command):
        # Its errors go where ours go.
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8", bufsize=1
        )
        self.notifications = queue.Queue()  # (method, params); None at the end
        self._ids = itertools.count(1)
        self._pending = {}
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._ended = False
        # Somebody always reads: a program whose answers nobody reads does not read requests either.
        threading.Thread(target=self._read, daemon=True).start()

    def start(self, method, **params):
        """Asks, and does not wait: gives a future."""
        future = Future()
        with self._lock:
            if self._ended:
                raise ConnectionError("atmqtt has ended")
            number = next(self._ids)
            self._pending[number] = future
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        # Not under the lock of the reader: this may have to wait until that has read something.
        with self._writing:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        return future

    def call(self, method, timeout=180, **params):
        """Asks, and gives the result."""
        return self.start(method, **params).result(timeout)

    def next_notification(self, timeout):
        """What it says next without being asked."""
        try:
            notification = self.notifications.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"nothing came for {timeout} s") from None
        if notification is None:
            raise ConnectionError("atmqtt has ended")
        return notification

    def close(self):
        """Lets it finish what is pending, disconnect and end; gives its exit code."""
        with self._writing:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass  # It has ended by itself.
        return self.process.wait()

    def _read(self):
        for line in self.process.stdout:
            answer = json.loads(line)
            if "method" in answer:
                self.notifications.put((answer["method"], answer["params"]))
                continue
            with self._lock:
                future = self._pending.pop(answer["id"], None)
            if future is None:
                print("nobody asked:", answer, file=sys.stderr)
            elif "error" in answer:
                future.set_exception(RpcError(answer["error"]))
            else:
                future.set_result(answer["result"])
        with self._lock:
            self._ended = True
            pending, self._pending = self._pending, {}
        for future in pending.values():
            future.set_exception(ConnectionError("atmqtt has ended"))
        self.notifications.put(None)


def show(notification):
    """Prints a notification; says whether it is a message."""
    method, params = notification
    if method == "message":
        print("message:", params["topic"], params.get("payload", params.get("payload_base64")))
    elif method == "link":
        print("link:", params["state"], *filter(None, [params["reason"]]))
    else:
        print("modem:", json.dumps(params))
    return method == "message"


def main(command):
    if not command:
        sys.exit(__doc__)
    modem = Modem([command[0], "rpc", *command[1:]])
    try:
        info = modem.call("info")
        print("module:", info["manufacturer"], info["model"], "at", info["rssi_dbm"], "dBm")
        modem.call("connect")
        modem.call("subscribe", filter="demo/#", qos=1)
        receipt = modem.call("publish", topic="demo/hello", payload="hello from Python", qos=1)
        print("published:", receipt["outcome"], "after", receipt["elapsed_ms"], "ms")
        while not show(modem.next_notification(timeout=60)):
            pass
        modem.call("disconnect")
    except RpcError as error:
        sys.exit(f"error: {error}" + (f" - {error.help}" if error.help else ""))
    except (ConnectionError, TimeoutError) as error:
        sys.exit(f"error: {error}")
    finally:
        code = modem.close()
    for notification in iter(modem.notifications.get, None):
        show(notification)
    print("ended with", code)


if __name__ == "__main__":
    main(sys.argv[1:])
