package gitea

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	sdk "code.gitea.io/sdk/gitea"
	"github.com/hashicorp/go-retryablehttp"

	"github.com/koonti/koonti/internal/content"
)

// Bounds of the talk with a server.
const (
	// requestTime bounds one question and its answer, repetitions included.
	requestTime = 30 * time.Second
	// retries is how often a question is asked again; longestWait bounds the pause
	// before it: a server that asks for more patience is taken for one that is away.
	retries     = 2
	longestWait = 5 * time.Second
	// maxAnswer bounds an answer, in bytes.
	maxAnswer = 32 << 20
	maxWords  = 500 // of an error
)

// refused is an answer that is no success.
type refused struct {
	status int
	words  string
	// service: it was the service account that asked.
	service bool
}

func (r *refused) Error() string { return fmt.Sprintf("status %d: %s", r.status, r.words) }

// transport bounds answers, asks again where that does no harm, and makes an error
// of every answer that is no success. The last is against the letter of
// http.RoundTripper, but the library (merging) throws away what the server says.
type transport struct {
	once, patient http.RoundTripper
	service       string // the token of the service account
}

func newTransport(base http.RoundTripper, service string) transport {
	return transport{service: service, once: base, patient: &retryablehttp.RoundTripper{Client: &retryablehttp.Client{
		HTTPClient:   &http.Client{Transport: base, CheckRedirect: noRedirect},
		RetryWaitMin: 200 * time.Millisecond,
		RetryWaitMax: longestWait,
		RetryMax:     retries,
		CheckRetry:   worthAnother,
		Backoff:      retryablehttp.DefaultBackoff, // it heeds Retry-After
		ErrorHandler: retryablehttp.PassthroughErrorHandler,
	}}}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func worthAnother(ctx context.Context, resp *http.Response, err error) (bool, error) {
	if resp != nil && retryablehttp.DefaultBackoff(0, 0, 0, resp) > longestWait {
		return false, nil
	}
	return retryablehttp.DefaultRetryPolicy(ctx, resp, err)
}

// RoundTrip is what http.Client calls.
func (t transport) RoundTrip(req *http.Request) (*http.Response, error) {
	by := t.once
	if req.Method == http.MethodGet {
		by = t.patient
	}
	resp, err := by.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	resp.Body = bounded{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, &refused{resp.StatusCode, wordsOf(resp), req.Header.Get("Authorization") == "token "+t.service}
}

type bounded struct {
	io.Reader
	io.Closer
}

// wordsOf is what the server says about an error, on one line.
func wordsOf(resp *http.Response) string {
	if where := resp.Header.Get("Location"); where != "" {
		return "it has moved to " + line(where, maxWords)
	}
	data, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10)) // what came is told
	var said struct{ Message string }
	if json.Unmarshal(data, &said) == nil && said.Message != "" {
		return line(said.Message, maxWords)
	}
	return line(http.StatusText(resp.StatusCode), maxWords)
}

// client speaks in the name of whom the token belongs to; "" is anybody. It is made
// for one call, because the library keeps the context in it; it costs nothing.
func (f *Forge) client(ctx context.Context, token string) (*sdk.Client, error) {
	return sdk.NewClient(f.url, sdk.SetHTTPClient(f.http), sdk.SetToken(token), sdk.SetContext(ctx),
		sdk.SetGiteaVersion(""), // the server's version is not asked for: an old one says itself what it lacks
		sdk.SetUserAgent("koonti"))
}

// explain says in the words of proposal.Forge what went wrong while doing.
func (f *Forge) explain(ctx context.Context, doing string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if isRefusal(err) || isSentinel(err) {
		return err
	}
	var no *refused
	if !errors.As(err, &no) {
		return fmt.Errorf("%s: %w: Gitea at %s does not answer; what is here can be read, try again later: %w",
			doing, content.ErrUnavailable, f.url, err)
	}
	switch no.status {
	case http.StatusUnauthorized:
		if no.service {
			return fmt.Errorf("%s: %w: Gitea does not know the token of this service, or not any more: whoever runs it has to set another", doing, content.ErrUnavailable)
		}
		return fmt.Errorf("%s: %w: Gitea does not know the token, or not any more: make a new one in its settings", doing, content.ErrUnauthenticated)
	case http.StatusForbidden:
		return fmt.Errorf("%s: %w: Gitea says: %s", doing, content.ErrForbidden, no.words)
	case http.StatusNotFound:
		return fmt.Errorf("%s: %w on Gitea: %w", doing, content.ErrNotFound, err)
	case http.StatusTooManyRequests:
		return fmt.Errorf("%s: %w: Gitea is asked too much: try again later", doing, content.ErrUnavailable)
	}
	if no.status >= 500 {
		return fmt.Errorf("%s: %w: Gitea has a fault of its own (%s): try again later", doing, content.ErrUnavailable, no.words)
	}
	return &content.Refusal{Reason: content.RefusedForge, Message: fmt.Sprintf("%s: Gitea does not let it happen: %s", doing, no.words)}
}

func isSentinel(err error) bool {
	for _, s := range []error{content.ErrNotFound, content.ErrForbidden, content.ErrUnauthenticated, content.ErrInvalid, content.ErrTooLarge, content.ErrUnavailable} {
		if errors.Is(err, s) {
			return true
		}
	}
	return false
}

// status is the HTTP status of a refusal, 0 for any other error.
func status(err error) int {
	var no *refused
	if errors.As(err, &no) {
		return no.status
	}
	return 0
}

// pageSize is how many items are asked for at once: what Gitea gives at most unless it
// is told otherwise. It may give less.
const pageSize = 50

// pages asks for page after page, at most so many. Where the server counts what there is
// it is believed; where it leaves out items of a page without saying so, patience is
// how many pages in a row may be empty before the end is believed.
func pages[T any](most, patience int, ask func(sdk.ListOptions) ([]T, *sdk.Response, error)) ([]T, error) {
	var all []T
	empty := 0
	for page := 1; page <= most; page++ {
		list, resp, err := ask(sdk.ListOptions{Page: page, PageSize: pageSize})
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
		if len(list) > 0 {
			empty = 0
		} else if empty++; empty > patience {
			return all, nil
		}
		total, err := strconv.Atoi(resp.Header.Get("X-Total-Count"))
		if err == nil && patience == 0 && len(all) >= total {
			return all, nil
		}
	}
	return nil, fmt.Errorf("%w: more than %d pages", content.ErrTooLarge, most)
}

// line is text from outside fit to be shown on one line, of limit bytes at most.
func line(s string, limit int) string {
	return strings.Join(strings.Fields(clean(s, limit)), " ")
}
