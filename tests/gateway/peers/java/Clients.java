// Send the picture as Java programs do: java.net.http.HttpClient, which offers HTTP/2 (h2c) with each request on a new
// plain connection, and HttpURLConnection. Neither knows forms: programs write the parts themselves.
// Arguments: the gateway's URL, the URL of the TLS edge, the certificate of its authority, the path of the picture.
// Prints a line for each way of sending: its name, status, version of HTTP and body, apart by tabs; for an error of the
// client its name, 0, the kind of error and its text.

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.io.UncheckedIOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.zip.GZIPOutputStream;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public final class Clients {
    static final Duration PATIENCE = Duration.ofSeconds(20);
    static final String BOUNDARY = "----JavaBoundary7MA4YWxkTrZu0gW";
    static final String FORM = "multipart/form-data; boundary=" + BOUNDARY;
    static final String JPEG = "image/jpeg";
    static final String PARAMETERS = "?conf=0.5&classes=0&classes=5";
    static final String NAMED = "; filename=\"Straße 1.jpg\"\r\nContent-Type: image/jpeg";

    record Answer(int status, String version, String body) {}

    interface Way {
        Answer send(String name) throws Exception;
    }

    static String gateway;

    public static void main(String[] arguments) throws Exception {
        gateway = arguments[0];
        Path path = Path.of(arguments[3]);
        byte[] photo = Files.readAllBytes(path);
        String text = Base64.getEncoder().encodeToString(photo);
        String json = "{\"image\": \"" + text + "\", \"conf\": 0.5, \"classes\": [0, 5]}";
        BodyPublisher bytes = BodyPublishers.ofByteArray(photo);
        BodyPublisher file = BodyPublishers.ofFile(path);
        BodyPublisher stream = BodyPublishers.ofInputStream(() -> open(path));
        String[] fields = {"conf", "0.5", "classes", "0", "classes", "5"};

        HttpClient client = HttpClient.newBuilder().connectTimeout(PATIENCE).build();
        HttpClient http1 =
                HttpClient.newBuilder().connectTimeout(PATIENCE).version(HttpClient.Version.HTTP_1_1).build();
        HttpClient trusting =
                HttpClient.newBuilder().connectTimeout(PATIENCE).sslContext(trust(Path.of(arguments[2]))).build();

        Map<String, Way> ways = new LinkedHashMap<>();
        ways.put("body-bytes", name -> send(client, name, "", null, bytes));
        ways.put("body-file", name -> send(client, name, "", JPEG, file));
        ways.put("body-stream", name -> send(client, name, "", JPEG, stream));
        ways.put("body-query", name -> send(client, name, PARAMETERS, JPEG, bytes));
        ways.put("body-http1", name -> send(http1, name, "", JPEG, file));
        ways.put("body-gzip", name -> {
            BodyPublisher packed = BodyPublishers.ofByteArray(gzip(photo));
            return answer(client, request(name, "", JPEG, packed).header("Content-Encoding", "gzip"));
        });
        ways.put("body-expect", name -> answer(http1, request(name, "", JPEG, bytes).expectContinue(true)));
        ways.put("body-asynchronous", name -> {
            var sent = client.sendAsync(request(name, "", JPEG, bytes).build(), BodyHandlers.ofString());
            return answer(sent.get(PATIENCE.toSeconds(), TimeUnit.SECONDS));
        });
        ways.put("form-bytes", name -> send(client, name, "", FORM, form(NAMED, bytes, fields)));
        ways.put("form-file", name -> send(client, name, "", FORM, form(NAMED, file, fields)));
        ways.put("form-stream", name -> send(client, name, "", FORM, form(NAMED, stream, fields)));
        ways.put("form-query", name -> send(client, name, PARAMETERS, FORM, form(NAMED, bytes)));
        ways.put("form-type-without-name", name ->
                send(client, name, "", FORM, form("\r\nContent-Type: image/jpeg", bytes)));
        ways.put("form-name-without-type", name -> send(client, name, "", FORM, form("; filename=\"a.jpg\"", bytes)));
        ways.put("form-http1", name -> send(http1, name, "", FORM, form(NAMED, file, fields)));
        ways.put("form-not-an-image", name ->
                send(client, name, "", FORM, form(NAMED, BodyPublishers.ofString("not an image"))));
        ways.put("json", name -> send(client, name, "", "application/json", BodyPublishers.ofString(json)));
        ways.put("json-without-type", name -> send(client, name, "", null, BodyPublishers.ofString(json)));
        ways.put("http2", name -> {
            URI uri = URI.create(arguments[1] + "/predict");
            return answer(trusting, request(name, "", FORM, form(NAMED, file, fields)).uri(uri));
        });
        ways.put("url-connection", name -> urlConnection(name, JPEG, photo, false));
        ways.put("url-connection-chunked", name -> urlConnection(name, JPEG, photo, true));
        ways.put("url-connection-without-type", name -> urlConnection(name, null, photo, false));

        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (Map.Entry<String, Way> way : ways.entrySet()) {
            Answer answer;
            try {
                answer = way.getValue().send(way.getKey());
            } catch (Exception error) {
                answer = new Answer(0, error.getClass().getName(), String.valueOf(error.getMessage()));
            }
            String body = answer.body().replaceAll("\\s+", " ");
            out.println(String.join("\t", way.getKey(), String.valueOf(answer.status()), answer.version(), body));
        }
        System.exit(0); // the clients' threads would wait for more to do
    }

    static HttpRequest.Builder request(String name, String query, String type, BodyPublisher body) {
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(gateway + "/predict" + query))
                .timeout(PATIENCE)
                .header("X-Request-ID", name)
                .POST(body);
        return type == null ? request : request.header("Content-Type", type);
    }

    static Answer send(HttpClient client, String name, String query, String type, BodyPublisher body) throws Exception {
        return answer(client, request(name, query, type, body));
    }

    static Answer answer(HttpClient client, HttpRequest.Builder request) throws Exception {
        return answer(client.send(request.build(), BodyHandlers.ofString()));
    }

    static Answer answer(HttpResponse<String> response) {
        return new Answer(response.statusCode(), response.version().name(), response.body());
    }

    /** A form with the picture, of which `described` follows the field's name, and fields: name, value, name, value. */
    static BodyPublisher form(String described, BodyPublisher image, String... fields) {
        List<BodyPublisher> pieces = new ArrayList<>();
        for (int index = 0; index < fields.length; index += 2) {
            pieces.add(BodyPublishers.ofString(head(fields[index], "") + fields[index + 1] + "\r\n"));
        }
        pieces.add(BodyPublishers.ofString(head("file", described)));
        pieces.add(image);
        pieces.add(BodyPublishers.ofString("\r\n--" + BOUNDARY + "--\r\n"));
        return BodyPublishers.concat(pieces.toArray(new BodyPublisher[0]));
    }

    static String head(String field, String described) {
        return "--" + BOUNDARY + "\r\nContent-Disposition: form-data; name=\"" + field + "\"" + described + "\r\n\r\n";
    }

    static Answer urlConnection(String name, String type, byte[] body, boolean chunked) throws Exception {
        var connection = (HttpURLConnection) URI.create(gateway + "/predict").toURL().openConnection();
        connection.setConnectTimeout((int) PATIENCE.toMillis());
        connection.setReadTimeout((int) PATIENCE.toMillis());
        connection.setRequestMethod("POST");
        connection.setDoOutput(true);
        connection.setRequestProperty("X-Request-ID", name);
        if (type != null) {
            connection.setRequestProperty("Content-Type", type);
        }
        if (chunked) {
            connection.setChunkedStreamingMode(0);
        }
        try (var out = connection.getOutputStream()) {
            out.write(body);
        }
        int status = connection.getResponseCode();
        try (InputStream in = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return new Answer(status, "HTTP_1_1", new String(in.readAllBytes(), StandardCharsets.UTF_8));
        }
    }

    static InputStream open(Path path) {
        try {
            return Files.newInputStream(path);
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    static byte[] gzip(byte[] data) throws IOException {
        var packed = new ByteArrayOutputStream();
        try (var out = new GZIPOutputStream(packed)) {
            out.write(data);
        }
        return packed.toByteArray();
    }

    static SSLContext trust(Path certificate) throws Exception {
        KeyStore known = KeyStore.getInstance(KeyStore.getDefaultType());
        known.load(null, null);
        try (InputStream in = Files.newInputStream(certificate)) {
            known.setCertificateEntry("edge", CertificateFactory.getInstance("X.509").generateCertificate(in));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(known);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }
}
