import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;

/** Asks the verifiers of examples/verifiers/java. See judge.py. */
public final class Judge {
    public static void main(String[] arguments) {
        JsonObject told = new JsonObject();
        InputStreamReader input = new InputStreamReader(System.in, StandardCharsets.UTF_8);
        for (JsonElement given : JsonParser.parseReader(input).getAsJsonArray()) {
            told.addProperty(text(given.getAsJsonObject(), "name"), judged(given.getAsJsonObject()));
        }
        System.out.println(told);
    }

    private static String judged(JsonObject given) {
        try {
            JsonObject keys = given.getAsJsonObject("keys");
            if (given.has("pinned")) keys = FollowEndorsements.follow(given.getAsJsonObject("pinned"), keys);
            VerifyLease.verify(
                    text(given, "lease"), keys, text(given, "product"), text(given, "license_id"),
                    text(given, "nonce"), text(given, "issuer"));
            return "yes";
        } catch (Exception why) {
            return why.toString();
        }
    }

    private static String text(JsonObject object, String name) {
        return object.get(name).getAsString();
    }
}
