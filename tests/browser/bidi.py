"""A client of WebDriver BiDi, the W3C's protocol that browsers are driven by: https://w3c.github.io/webdriver-bidi/.

Only what these tests need of it. Chromium says some things of its console to its own protocol (CDP) alone; its driver
passes them on as events named `goog:cdp.…`.
"""

import asyncio
import contextlib
import itertools
import json

_CONSOLE = ("log.entryAdded", "goog:cdp.Log.entryAdded")
_DOWNLOADS = ("browsingContext.downloadWillBegin", "browsingContext.downloadEnd")
_PATIENCE_SECONDS = 60


class Browser:
    """One session with a browser, over its WebSocket."""

    def __init__(self, socket):
        self.events = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers = {}
        self._news = asyncio.Condition()

    @classmethod
    @contextlib.asynccontextmanager
    async def connected(cls, http, url):
        async with http.ws_connect(url, max_msg_size=0) as socket:
            browser = cls(socket)
            reading = asyncio.create_task(browser._read())
            try:
                yield browser
            finally:
                reading.cancel()

    async def _read(self):
        async for message in self._socket:
            content = json.loads(message.data)
            if content["type"] == "event":
                async with self._news:
                    self.events.append(content)
                    self._news.notify_all()
            elif answer := self._answers.pop(content["id"], None):
                answer.set_result(content)

    async def command(self, method, /, **params):
        """Its result. Fails with what the browser says is wrong."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        async with asyncio.timeout(_PATIENCE_SECONDS):
            content = await answer
        assert content["type"] == "success", f"{method}: {content['error']}: {content['message']}"
        return content["result"]

    async def event(self, method):
        """The first event of this name that the tab has caused."""
        async with asyncio.timeout(_PATIENCE_SECONDS), self._news:
            while True:
                for event in self.events:
                    if event["method"] == method:
                        return event["params"]
                await self._news.wait()

    async def save_downloads_in(self, folder):
        behaviour = {"type": "allowed", "destinationFolder": str(folder)}
        await self.command("browser.setDownloadBehavior", downloadBehavior=behaviour)

    @contextlib.asynccontextmanager
    async def tab(self, *, is_chromium):
        """A new tab, and nothing said of those before."""
        self.events.clear()
        context = (await self.command("browsingContext.create", type="tab"))["context"]
        events = [*_CONSOLE[: 1 + is_chromium], *_DOWNLOADS]
        subscription = await self.command("session.subscribe", events=events)
        if is_chromium:
            session = (await self.command("goog:cdp.getSession", context=context))["session"]
            await self.command("goog:cdp.sendCommand", method="Log.enable", params={}, session=session)
        try:
            yield Tab(self, context)
        finally:
            await self.command("session.unsubscribe", subscriptions=[subscription["subscription"]])
            await self.command("browsingContext.close", context=context)


class Tab:
    """One page at a time."""

    def __init__(self, browser, context):
        self.browser = browser
        self.provoked = []
        self._context = context

    async def open(self, url):
        await self.browser.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def reload(self):
        await self.browser.command("browsingContext.reload", context=self._context, wait="complete")

    async def choose(self, selector, *files):
        """Fill an `<input type="file">`, as a person would."""
        locator = {"type": "css", "value": selector}
        (node,) = (await self.browser.command("browsingContext.locateNodes", context=self._context, locator=locator))[
            "nodes"
        ]
        await self.browser.command(
            "input.setFiles", context=self._context, element={"sharedId": node["sharedId"]}, files=[*map(str, files)]
        )

    async def run(self, script, **values):
        """What this body of an async function returns, as JSON can say it. `values` are its variables."""
        names = ", ".join(values)
        answer = await self.browser.command(
            "script.evaluate",
            expression=f"(async ({{{names}}}) => {{ {script} }})({json.dumps(values)})"
            ".then(value => JSON.stringify(value ?? null))",
            target={"context": self._context},
            awaitPromise=True,
            userActivation=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def complaints(self):
        """What a developer would see in red in the console, but for what was `provoked`."""
        said = [event["params"] for event in self.browser.events if event["method"] in _CONSOLE]
        entries = [params["params"]["entry"] if "params" in params else params for params in said]
        errors = [f"{entry['text']} {entry.get('url', '')}" for entry in entries if entry["level"] == "error"]
        return [error for error in errors if not any(part in error for part in self.provoked)]
