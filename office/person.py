"""Somebody who is erased: how he is found, and what stands in his place (erase.py).

In words of people and programs his id and nickname are looked for as words. What is told to others,
events and answers, is read by its names instead: a group can have his number and an amount can be
his nickname, and neither is he.
"""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import quote

from kit import pseudonyms
from packets.states import Kind

# By what names users' ids stand in events and answers; `for_id` is one in a packet for one person.
IDS = frozenset({"user_id", "sender", "best_luck", "takers", "for_users"})
# And what people wrote themselves: whose it is stands beside it.
OWN_WORDS = frozenset({"intro", "nickname", "avatar"})


@dataclass(frozen=True)
class Person:
    user_id: str
    nickname: str
    packets: frozenset[str]  # those that are for him alone

    @property
    def pseudonym(self) -> str:
        return pseudonyms.of(self.user_id)

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """What a column with words that name him has in it, as text or as JSON."""
        words = {self.user_id, quote(self.user_id), self.nickname} - {""}
        return tuple(words | {json.dumps(word)[1:-1] for word in words})

    @cached_property
    def _named(self) -> re.Pattern:
        """His id where it is not a part of a longer one."""
        forms = "|".join(re.escape(each) for each in (self.user_id, quote(self.user_id, safe="")))
        after = r"(?![\w@-]|[.:]+[\w@-])"
        return re.compile(rf"(?<![\w.:@-])((?:wallet:)?)(?:{forms}){after}", re.ASCII)

    def out_of(self, value: Any) -> Any:
        """Words without him."""
        if isinstance(value, list):
            return [self.out_of(each) for each in value]
        if not isinstance(value, str):
            return value
        if len(self.nickname) > 1:
            nickname = rf"(?<![A-Za-z0-9_]){re.escape(self.nickname)}(?![A-Za-z0-9_])"
            value = re.sub(nickname, self.pseudonym, value)
        return self._named.sub(rf"\1{self.pseudonym}", value)

    def out_of_told(self, value: Any) -> Any:
        """An event or an answer without him."""
        if isinstance(value, list):
            return [self.out_of_told(each) for each in value]
        if not isinstance(value, dict):
            return value
        ids = IDS | {"for_id"} if self._is_for_one(value) else IDS
        own_words = OWN_WORDS if self._wrote(value) else frozenset()
        told = {name: self._renamed(of, name in ids) for name, of in value.items()}
        return told | {name: "" for name in own_words & told.keys() if told[name]}

    def _is_for_one(self, told: dict) -> bool:
        packet = told.get("packet")  # in the answer to a payment, the whole of it
        is_his = isinstance(packet, str) and packet in self.packets
        return is_his or told.get("type") == Kind.PERSONAL.word

    def _wrote(self, told: dict) -> bool:
        sender = told.get("sender")
        return self.user_id == (sender if isinstance(sender, dict) else told).get("user_id")

    def _renamed(self, value: Any, is_id: bool) -> Any:
        if is_id and isinstance(value, list):
            return [self._renamed(each, is_id) for each in value]
        return self.pseudonym if is_id and value == self.user_id else self.out_of_told(value)
