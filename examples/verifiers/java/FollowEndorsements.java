import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

public final class FollowEndorsements {
    /** The keys of {@code trusted}, and those of {@code fetched} that one of them endorses, in any number of steps. */
    public static JsonObject follow(JsonObject trusted, JsonObject fetched) {
        Map<String, JsonObject> keys = new LinkedHashMap<>();
        for (JsonElement key : trusted.getAsJsonArray("keys")) keys.put(kid(key), key.getAsJsonObject());
        for (boolean grown = true; grown; ) {
            grown = false;
            for (JsonElement key : fetched.getAsJsonArray("keys")) {
                if (!isEd25519(key) || keys.containsKey(kid(key)) || !isEndorsed(key.getAsJsonObject(), keys)) continue;
                keys.put(kid(key), key.getAsJsonObject());
                grown = true;
            }
        }
        JsonObject jwks = new JsonObject();
        jwks.add("keys", keys.values().stream().collect(JsonArray::new, JsonArray::add, JsonArray::addAll));
        return jwks;
    }

    /** Whether a fetched key is of the kind that signs leases. The others are ignored (RFC 7517, section 5). */
    private static boolean isEd25519(JsonElement key) {
        return key instanceof JsonObject object
                && Stream.of("kty", "crv", "kid", "x").allMatch(name -> isText(object.get(name)))
                && object.get("kty").getAsString().equals("OKP")
                && object.get("crv").getAsString().equals("Ed25519");
    }

    private static boolean isText(JsonElement value) {
        return value instanceof JsonPrimitive primitive && primitive.isString();
    }

    private static boolean isEndorsed(JsonObject key, Map<String, JsonObject> keys) {
        String message = String.join("\0", "falconer/jwk/v1", kid(key), key.get("x").getAsString());
        if (!(key.get("endorsed_by") instanceof JsonObject endorsedBy)) return false;
        return endorsedBy.entrySet().stream()
                .filter(endorsement -> isText(endorsement.getValue()) && keys.containsKey(endorsement.getKey()))
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
