"""The simulated mail server, spoken to by the standard library's own client."""

import asyncio
import smtplib
from collections.abc import Callable

from trueup.sandbox.smtp.server import MailServer


def talk(server: MailServer, work: Callable[[smtplib.SMTP], object]) -> object:
    async def run() -> object:
        async with server.serve() as url:
            port = int(url.rpartition(":")[2])

            def speak() -> object:
                with smtplib.SMTP("127.0.0.1", port, local_hostname="test", timeout=5) as client:
                    return work(client)

            return await asyncio.to_thread(speak)

    return asyncio.run(run())


def test_another_client_signs_in_and_sends() -> None:
    server = MailServer()

    def work(client: smtplib.SMTP) -> object:
        client.login("sandbox", "sandbox-password")
        client.sendmail("a@b.test", ["c@d.test"], "Subject: x\r\n\r\n.dot\r\n")
        return client.rset()

    assert talk(server, work) == (250, b"2.0.0 ok")
    (mail,) = server.taken
    assert (mail.sender, mail.to, mail.message.get_content()) == (
        "a@b.test",
        ("c@d.test",),
        ".dot\r\n",
    )


def test_nothing_goes_out_of_turn_or_unsigned() -> None:
    server = MailServer()

    def work(client: smtplib.SMTP) -> object:
        client.ehlo()
        unsigned = client.mail("a@b.test")[0]
        garbled = client.docmd("AUTH", "PLAIN !!!")[0]
        client.login("sandbox", "sandbox-password", initial_response_ok=False)
        return [unsigned, garbled, client.rcpt("c@d.test")[0], client.docmd("DATA")[0]]

    assert talk(server, work) == [530, 501, 503, 503]
    assert server.taken == []
