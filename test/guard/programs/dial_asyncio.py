"""python3 dial_asyncio.py PORT COUNT: like Dial.java, by asyncio streams."""
import asyncio
import sys


async def one(port):
    while True:
        try:
            reader, writer = await asyncio.open_connection('127.0.0.1', port)
            break
        except ConnectionRefusedError:
            pass
        except OSError as error:
            return type(error).__name__ + ' from connect'
    own = ''
    try:
        writer.write(b'hello')
        if await asyncio.wait_for(reader.read(5), 3):
            own = 'own '
        end = 'end' if await asyncio.wait_for(reader.read(1), 3) == b'' else 'data'
    except (OSError, asyncio.TimeoutError) as error:
        end = type(error).__name__
    writer.transport.abort()
    return own + end


async def main():
    for _ in range(int(sys.argv[2])):
        print(await one(int(sys.argv[1])))


asyncio.run(main())
