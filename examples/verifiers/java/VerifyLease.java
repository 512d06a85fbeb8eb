import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.PublicKey;
import java.security.Signature;
import java.security.spec.X509EncodedKeySpec;
import java.time.Instant;
import java.util.Base64;
import java.util.HexFormat;
import java.util.Set;

public final class VerifyLease {
    /** The claims of a yes to the request that sent {@code nonce}. {@code issuer} may be null. Throws for anything else. */
    public static JsonObject verify(
            String lease, JsonObject jwks, String product, String licenseId, String nonce, String issuer)
            throws GeneralSecurityException {
        String[] parts = lease.split("\\.", -1);
        require(parts.length == 3, "not a lease");
        JsonObject header = json(parts[0]);
        require(Set.of("EdDSA", "Ed25519").contains(text(header, "alg")), "another algorithm");
        require("lease+jwt".equals(text(header, "typ")), "a refusal, or no lease at all");
        JsonObject key = key(jwks, text(header, "kid"));
        require(key != null, "signed by a key that is not trusted here");
        byte[] signed = (parts[0] + "." + parts[1]).getBytes(StandardCharsets.US_ASCII);
        require(isSignedBy(key, signed, parts[2]), "the signature does not hold");

        JsonObject claims = json(parts[1]);
        require(product.equals(text(claims, "aud")), "for another product");
        require(issuer == null || issuer.equals(text(claims, "iss")), "by another issuer");
        require(claims.get("valid").getAsJsonPrimitive().getAsBoolean(), "a refusal");
        require(licenseId.equals(text(claims, "sub")), "about another license");
        require(nonce.equals(text(claims, "nonce")), "the answer to another request");
        long now = Instant.now().getEpochSecond();
        require(claims.get("nbf").getAsLong() <= now && now < claims.get("exp").getAsLong(), "not at this time");
        return claims;
    }

    static boolean isSignedBy(JsonObject key, byte[] signed, String signature) throws GeneralSecurityException {
        byte[] x = Base64.getUrlDecoder().decode(text(key, "x"));
        require(x.length == 32, "not an Ed25519 key");
        // What X.509 writes before the 32 bytes of such a key (RFC 8410).
        byte[] spki = HexFormat.of().parseHex("302a300506032b6570032100" + HexFormat.of().formatHex(x));
        PublicKey publicKey = KeyFactory.getInstance("Ed25519").generatePublic(new X509EncodedKeySpec(spki));
        Signature verifier = Signature.getInstance("Ed25519");
        verifier.initVerify(publicKey);
        verifier.update(signed);
        return verifier.verify(Base64.getUrlDecoder().decode(signature));
    }

    private static JsonObject key(JsonObject jwks, String kid) {
        for (JsonElement key : jwks.getAsJsonArray("keys")) {
            if (kid != null && kid.equals(text(key.getAsJsonObject(), "kid"))) return key.getAsJsonObject();
        }
        return null;
    }

    private static JsonObject json(String part) {
        String text = new String(Base64.getUrlDecoder().decode(part), StandardCharsets.UTF_8);
        return JsonParser.parseString(text).getAsJsonObject();
    }

    private static String text(JsonObject object, String name) {
        return object.has(name) ? object.get(name).getAsString() : null;
    }

    private static void require(boolean holds, String otherwise) throws GeneralSecurityException {
        if (!holds) throw new GeneralSecurityException(otherwise);
    }
}
