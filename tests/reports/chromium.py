"""A page in a real browser, in the words of the tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any


class Browser:
    """What people do with a page, and what they see."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver
        self.run = driver.execute_script

    def open(self, page: Path) -> None:
        self.driver.get(page.as_uri())

    def emulate(self, command: str, **parameters: Any) -> None:
        self.driver.execute_cdp_cmd(f"Emulation.{command}", parameters)

    def prefer(self, **features: str) -> None:
        told = [{"name": name.replace("_", "-"), "value": text} for name, text in features.items()]
        self.emulate("setEmulatedMedia", features=told)

    def width(self, pixels: int) -> None:
        self.emulate(
            "setDeviceMetricsOverride",
            width=pixels, height=800, deviceScaleFactor=1, mobile=pixels < 500,
        )  # fmt: skip

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def point_at(self, selector: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).move_to_element(self.first(selector)).perform()

    def first(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def type(self, selector: str, text: str) -> None:
        self.first(selector).clear()
        self.first(selector).send_keys(text)

    def choose(self, selector: str, value: str) -> None:
        from selenium.webdriver.support.select import Select

        script = """return [...document.querySelector(arguments[0]).options]
            .findIndex((option) => option.value === arguments[1])"""
        Select(self.first(selector)).select_by_index(self.run(script, selector, value))

    def shown(self) -> list[str]:
        """The names on the cards that are shown, in their order."""
        script = """return [...document.querySelectorAll(".card")]
            .filter((card) => card.checkVisibility())
            .map((card) => card.querySelector(".name").textContent.split("/").pop())"""
        return self.run(script)

    def count(self) -> str:
        return self.first("#count").text

    def focused(self) -> str:
        """The name on the focused card, or the id or the text of what else is focused."""
        return self.run(
            """const on = document.activeElement;
            const name = on.querySelector(".name")?.textContent.split("/").pop();
            return name ?? (on.id || on.textContent)"""
        )

    def opacity(self, card: int) -> float:
        """How much of the overlay on a card is seen once it does not change any more."""
        script = """const found = document.querySelectorAll(".card")[arguments[0]];
            const overlay = found.querySelector(".overlay");
            overlay.getAnimations().forEach((each) => each.finish());
            return Number(getComputedStyle(overlay).opacity)"""
        return float(self.run(script, card))

    def complaints(self) -> list[str]:
        """What the console said since it was asked last."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def accessibility_faults(self) -> list[str]:
        """What axe-core finds: the rule, and the elements that break it."""
        from axe_core_python.base import AXE_SCRIPT

        self.run(AXE_SCRIPT)
        script = """const done = arguments[arguments.length - 1];
            axe.run().then(({ violations }) => done(violations.map(({ id, nodes }) =>
                `${id}: ${nodes.slice(0, 3).map((node) => node.html.slice(0, 200)).join(" ")}`)))"""
        return list(self.driver.execute_async_script(script))
