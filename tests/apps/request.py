"""Asks saslauthd in the way of one of its clients: SOCKET WAY LOGIN PASSWORD SERVICE REALM. Prints the reply."""

import socket
import struct
import sys
import time


def counted(text):
    return struct.pack("!H", len(text)), text


def pieces(way, *fields):
    whole = b"".join(length + text for length, text in fields)
    return {
        "field by field": [length + text for length, text in fields],
        "length by text": [part for field in fields for part in field],
        "byte by byte": [bytes([byte]) for byte in whole],
        "with more behind it": [whole + b"more"],
        "twice": [whole + whole],
        "with the address of a client": [whole + b"".join(counted(b"192.0.2.1"))],
    }.get(way, [whole])


def ask(connection, way, *fields):
    for piece in pieces(way, *map(counted, fields)):
        connection.sendall(piece)
        # So that the daemon sees them one by one.
        time.sleep(0.001)
    if way == "half closed":
        connection.shutdown(socket.SHUT_WR)


def reply(connection, way):
    if way == "read at once":
        said = connection.recv(4096)
    elif way == "read in two":
        said = connection.recv(2) + connection.recv(4096)
    else:
        said = b"".join(iter(lambda: received(connection), b""))
    length, text = said[:2], said[2:]
    return text.decode() if (length, text) == counted(text) else f"no reply: {said}"


def received(connection):
    try:
        return connection.recv(4096)
    except ConnectionResetError:
        # The end, where the daemon left something unread.
        return b""


path, way, *fields = sys.argv[1:]
with socket.socket(socket.AF_UNIX) as connection:
    connection.settimeout(10)
    connection.connect(path)
    ask(connection, way, *(field.encode() for field in fields))
    print(reply(connection, way))
