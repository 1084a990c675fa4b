package gitea

import (
	"errors"
	"io"
	"net/http"
	"strings"

	sdk "code.gitea.io/sdk/gitea"
)

// maxHook bounds what a webhook may send, in bytes.
const maxHook = 8 << 20

// Webhook is where Gitea says that something happened: hint is then called, once for
// each call that is signed with secret (HMAC-SHA256 of the body, in X-Gitea-Signature, or
// X-Hub-Signature-256 as GitHub writes it). What it says is not believed, and not
// even read: Sync asks the server. So a call that is repeated does no harm. hint
// must not wait. secret is not "": nobody's signature is right then.
func Webhook(secret string, hint func()) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			w.Header().Set("Allow", http.MethodPost)
			http.Error(w, "a webhook is posted to", http.StatusMethodNotAllowed)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxHook))
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			http.Error(w, "the body is too large", http.StatusRequestEntityTooLarge)
			return
		}
		if err != nil {
			http.Error(w, "the body ends early", http.StatusBadRequest)
			return
		}
		if !signed(secret, r.Header, body) {
			http.Error(w, "the signature is not that of the body with the secret agreed", http.StatusUnauthorized)
			return
		}
		hint()
		w.WriteHeader(http.StatusNoContent)
	})
}

func signed(secret string, h http.Header, body []byte) bool {
	signature := h.Get("X-Gitea-Signature")
	if signature == "" {
		signature, _ = strings.CutPrefix(h.Get("X-Hub-Signature-256"), "sha256=")
	}
	right, err := sdk.VerifyWebhookSignature(secret, signature, body) // in constant time
	return secret != "" && err == nil && right
}
