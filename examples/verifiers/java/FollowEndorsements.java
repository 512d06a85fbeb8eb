import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.LinkedHashMap;
import java.util.Map;

public final class FollowEndorsements {
    /** The keys of {@code trusted}, and those of {@code fetched} that one of them endorses, in any number of steps. */
    public static JsonObject follow(JsonObject trusted, JsonObject fetched) {
        Map<String, JsonObject> keys = new LinkedHashMap<>();
        for (JsonElement key : trusted.getAsJsonArray("keys")) keys.put(kid(key), key.getAsJsonObject());
        for (boolean grown = true; grown; ) {
            grown = false;
            for (JsonElement key : fetched.getAsJsonArray("keys")) {
                if (keys.containsKey(kid(key)) || !isEndorsed(key.getAsJsonObject(), keys)) continue;
                keys.put(kid(key), key.getAsJsonObject());
                grown = true;
            }
        }
        JsonObject jwks = new JsonObject();
        jwks.add("keys", keys.values().stream().collect(JsonArray::new, JsonArray::add, JsonArray::addAll));
        return jwks;
    }

    private static boolean isEndorsed(JsonObject key, Map<String, JsonObject> keys) {
        String message = String.join("\0", "falconer/jwk/v1", kid(key), key.get("x").getAsString());
        if (!key.has("endorsed_by")) return false;
        return key.getAsJsonObject("endorsed_by").entrySet().stream()
                .filter(endorsement -> keys.containsKey(endorsement.getKey()))
                .anyMatch(endorsement -> holds(keys.get(endorsement.getKey()), message, endorsement.getValue()));
    }

    private static boolean holds(JsonObject endorser, String message, JsonElement signature) {
        try {
            byte[] signed = message.getBytes(StandardCharsets.UTF_8);
            return VerifyLease.isSignedBy(endorser, signed, signature.getAsString());
        } catch (GeneralSecurityException | IllegalArgumentException broken) {
            return false;
        }
    }

    private static String kid(JsonElement key) {
        return key.getAsJsonObject().get("kid").getAsString();
    }
}
