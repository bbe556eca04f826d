import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.HashMap;
import java.util.Map;

/**
 * Asks the guide's Java, which is compiled together with this file, whether deliveries are genuine.
 *
 * <p>Reads lines of secret, id, timestamp, signatures and body (base64), separated by tabs; an
 * empty header is left out. Prints true or false for each.
 */
public final class Driver {
    private static final String[] NAMES = {"webhook-id", "webhook-timestamp", "webhook-signature"};

    private Driver() {}

    public static void main(String[] arguments) throws Exception {
        for (String line : Files.readAllLines(Path.of(arguments[0]))) {
            String[] fields = line.split("\t");
            Map<String, String> headers = new HashMap<>();
            for (int place = 0; place < NAMES.length; place++) {
                if (!fields[place + 1].isEmpty()) {
                    headers.put(NAMES[place], fields[place + 1]);
                }
            }
            byte[] body = Base64.getDecoder().decode(fields[4]);
            System.out.println(Webhook.isGenuine(fields[0], headers::get, body));
        }
    }
}
