package server

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"

	"github.com/koonti/koonti/graphql"
)

// Automatic persisted queries, the protocol of Apollo: a client sends the SHA-256 of
// its query in extensions.persistedQuery, and the query itself only where the server
// answers that it does not know it yet. So every query fits into a GET.
const (
	persistedVersion = "1"
	codeNotPersisted = "PERSISTED_QUERY_NOT_FOUND"
	// keptPersisted queries are remembered, each of largestPersisted bytes at most.
	keptPersisted    = 2048
	largestPersisted = 16 << 10
)

// persisted completes a request from the queries remembered, or remembers its own.
func (h *handler) persisted(request *graphql.Request) *requestError {
	extension, ok := request.Extensions["persistedQuery"].(map[string]any)
	if !ok {
		return nil
	}
	version, _ := extension["version"].(json.Number)
	hash, _ := extension["sha256Hash"].(string)
	if version != persistedVersion || len(hash) != hex.EncodedLen(sha256.Size) {
		return bad("extensions.persistedQuery must be {\"version\": 1, \"sha256Hash\": \"...\"} with the hash in hexadecimal")
	}
	if request.Query == "" {
		query, known := h.server.queries.Get(hash)
		if !known {
			return &requestError{status: http.StatusOK, text: "PersistedQueryNotFound", code: codeNotPersisted}
		}
		request.Query = query
		return nil
	}
	if sum := sha256.Sum256([]byte(request.Query)); hex.EncodeToString(sum[:]) != hash {
		return bad("provided sha does not match query")
	}
	if len(request.Query) <= largestPersisted {
		h.server.queries.Add(hash, request.Query)
	}
	return nil
}
