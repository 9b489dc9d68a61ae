import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;

/**
 * java Dial blocking|nio|guarded PORT COUNT: connects to a port of 127.0.0.1 until it is connected, writes, and reads what
 * comes; COUNT times. Prints a line for each: "own" if it read what it wrote, and how the connection ended.
 */
public class Dial {
  /** What tells that a socket is connected to itself, and closes it so that no TIME-WAIT keeps the port. */
  static final class Guard {
    static boolean withItself(Socket socket) {
      return socket.getLocalPort() == socket.getPort() && socket.getLocalAddress().equals(socket.getInetAddress());
    }

    /** A connected socket, or the exception that there would have been, had nobody listened. */
    static Socket connect(InetAddress address, int port, int timeoutMs) throws IOException {
      Socket socket = new Socket();
      try {
        socket.connect(new InetSocketAddress(address, port), timeoutMs);
        if (!withItself(socket)) return socket;
      } catch (IOException error) {
        socket.close();
        throw error;
      }
      socket.setSoLinger(true, 0); // close() sends RST: an ordinary one would leave TIME-WAIT, and the service could not bind
      socket.close();
      throw new java.net.ConnectException("Connection refused (connected to itself)");
    }
  }

  static final byte[] MESSAGE = "hello".getBytes(StandardCharsets.US_ASCII);

  static String blocking(Socket socket) {
    String own = "";
    try (socket) {
      socket.setSoTimeout(3000);
      socket.getOutputStream().write(MESSAGE);
      byte[] room = new byte[5];
      if (socket.getInputStream().read(room) > 0) own = "own ";
      return own + (socket.getInputStream().read() < 0 ? "end" : "data");
    } catch (IOException error) {
      return own + error.getMessage();
    }
  }

  static String nio(SocketChannel channel) {
    String own = "";
    try (channel) {
      channel.write(ByteBuffer.wrap(MESSAGE));
      if (channel.read(ByteBuffer.allocate(5)) > 0) own = "own ";
      return own + (channel.read(ByteBuffer.allocate(1)) < 0 ? "end" : "data");
    } catch (IOException error) {
      return own + error.getMessage();
    }
  }

  public static void main(String[] args) throws Exception {
    int port = Integer.parseInt(args[1]);
    InetAddress here = InetAddress.getByName("127.0.0.1");
    int refused = 0;
    for (int count = Integer.parseInt(args[2]); count > 0; ) {
      try {
        switch (args[0]) {
          case "blocking" -> {
            Socket socket = new Socket();
            try {
              socket.connect(new InetSocketAddress(here, port), 1000);
            } catch (IOException error) {
              socket.close();
              throw error;
            }
            System.out.println(blocking(socket));
          }
          case "nio" -> System.out.println(nio(SocketChannel.open(new InetSocketAddress(here, port))));
          default -> {
            System.out.println(blocking(Guard.connect(here, port, 1000)));
          }
        }
        count--;
      } catch (SocketException error) {
        if (args[0].equals("guarded")) count--;
        if (error.getMessage().contains("itself")) System.out.println("stopped");
        refused++;
      }
    }
    System.out.println("refused " + refused);
  }
}
