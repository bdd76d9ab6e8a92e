package integration_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/trace"
)

// A person uses the clients of a world, one request after the other.
type person struct {
	w      *world
	name   string
	user   string
	rand   *rand.Rand
	writes int
	seen   map[*resource]int    // the version it saw last, for lost updates
	tags   map[*resource]string // an entity tag it was told
}

// live is all that a person does.
func (p *person) live(actions int) {
	p.login()
	for range actions {
		p.wait()
		d := p.door()
		res, crossed := p.resource()
		if crossed {
			p.cross(d, res)
			continue
		}
		switch n := p.rand.IntN(100); {
		case n < 55:
			p.get(d, res)
		case n < 60:
			p.request(d, res, "HEAD", nil).do()
		case n < 70:
			p.ranges(d, res)
		case n < 75:
			p.conditional(d, res)
		case n < 82:
			p.edit(d, res)
		case n < 93:
			p.write(d, res, pick(p.rand, "PUT", "PUT", "PATCH", "POST", "DELETE"))
		default:
			p.redirected(d)
		}
	}
}

// wait lets time pass: hardly any, some minutes, or until a full minute, when
// everybody wants the same thing.
func (p *person) wait() {
	r := p.rand
	switch n := r.IntN(10); {
	case n < 4:
		time.Sleep(p.w.some(r, 3*time.Second))
	case n < 6:
		time.Sleep(p.w.some(r, time.Minute))
	case n < 8:
		now := time.Now()
		minute := p.w.scaled(time.Minute)
		time.Sleep(now.Truncate(minute).Add(minute).Sub(now))
	case p.w.real:
		time.Sleep(p.w.some(r, time.Minute))
	default:
		time.Sleep(p.w.some(r, 20*time.Minute))
	}
}

// resource is the one to use next: in the first instant of a minute it is the same
// for all. crossed is true if they should cross each other there.
func (p *person) resource() (res *resource, crossed bool) {
	minute := p.w.scaled(time.Minute)
	r := p.rand
	if now := time.Now(); now.Sub(now.Truncate(minute)) < p.w.scaled(time.Millisecond) {
		r = newRand(p.w.seed, "minute", now.Truncate(minute).String())
		crossed = chance(r, 30)
	}
	o := p.w.origins[0]
	if chance(r, 20) {
		o = p.w.origins[1]
	}
	if chance(r, 60) {
		return o.resources[r.IntN(3)], crossed
	}
	return pick(r, o.resources...), crossed
}

// cross reads res while somebody writes it, or writes it while somebody reads.
func (p *person) cross(d *door, res *resource) {
	if chance(p.rand, 40) {
		p.write(d, res, pick(p.rand, "PUT", "POST"))
	}
	for range 3 {
		p.request(d, res, "GET", nil).do()
		time.Sleep(p.w.some(p.rand, 200*time.Millisecond))
	}
}

// door is a client that serves p.
func (p *person) door() *door {
	for {
		if d := pick(p.rand, p.w.doors...); d.user == "" || d.user == p.user {
			return d
		}
	}
}

// login fills the jars of p.
func (p *person) login() {
	for _, d := range p.w.doors {
		if d.way != byJar || d.user != p.user {
			continue
		}
		for _, o := range p.w.origins {
			req, _ := http.NewRequest("GET", "http://"+o.host+"/login?"+p.user, nil)
			if resp, err := d.client.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}
	}
}

// An exchange is a request and what came of it.
type exchange struct {
	p       *person
	d       *door
	res     *resource
	req     *http.Request
	offline bool          // nothing was to be asked of the origin
	fresh   bool          // nothing stored was to be used unasked
	stale   time.Duration // what the request allowed beyond freshness
	most    time.Duration // the age it allowed, if not zero
	upTo    int           // how much is read of the body, -1 for all
	slow    bool

	t0, t1, t2 time.Time // begun, response, body read
	resp       *http.Response
	body       []byte
	err        error // of the request, or of the body
	cancelled  bool
}

// request makes a request of p for res, with credentials where d has none.
func (p *person) request(d *door, res *resource, method string, body io.Reader) *exchange {
	return p.requestTo(d, res, method, p.w.urlOf(res), body)
}

func (p *person) requestTo(d *door, res *resource, method, target string, body io.Reader) *exchange {
	ctx := context.WithValue(p.w.t.Context(), userKey{}, p.user)
	ctx = lostupdate.WithEditor(trace.WithHook(ctx, func(e trace.Event) { p.w.hear(ctx, e); p.w.documented(e) }), p.name)
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		panic(err)
	}
	if d.way == byCaller && (res.private || chance(p.rand, 20)) {
		ways := 5
		if !p.w.layers.redirects {
			ways = 4 // http.Client sends a field that it does not know to every origin
		}
		switch p.rand.IntN(ways) {
		case 0:
			req.Header.Set("Cookie", "session="+secretOf("cookie", res.host, p.user))
		case 2:
			// Its name says that all of the request is signed.
			req.Header.Set("Authorization", "SharedKey "+secretOf("token", res.host, p.user))
		case 4:
			req.Header.Set("X-Api-Key", secretOf("key", res.host, p.user))
		case 1:
			req.URL.User = url.UserPassword(p.user, secretOf("password", res.host, p.user))
		default:
			req.Header.Set("Authorization", "Bearer "+secretOf("token", res.host, p.user))
		}
	}
	if chance(p.rand, 50) {
		req.Header.Set("Accept-Language", pick(p.rand, "en", "de", "fr"))
	}
	if chance(p.rand, 10) {
		req.Header.Set("Accept-Encoding", pick(p.rand, "gzip", "br", "identity"))
	}
	return &exchange{p: p, d: d, res: res, req: req, upTo: -1}
}

// get reads res in one of many ways.
func (p *person) get(d *door, res *resource) {
	x := p.request(d, res, "GET", nil)
	r := p.rand
	ctx := x.req.Context()
	control := ""
	switch r.IntN(16) {
	case 0:
		control, x.fresh = "no-cache", true
	case 1:
		control, x.fresh = "max-age=0", true
	case 2:
		control, x.most = "max-age=30", 30*time.Second
	case 3:
		control, x.stale = "max-stale=600", 10*time.Minute
	case 4:
		control, x.offline = "only-if-cached", true
	case 5:
		ctx, x.fresh = caching.WithReload(ctx), true
	case 6:
		ctx, x.fresh = caching.WithBypass(ctx), true
	case 7:
		ctx, x.offline, x.stale = caching.WithOffline(ctx), true, 1000*time.Hour
	}
	if control != "" {
		x.req.Header.Set("Cache-Control", control)
	}
	if chance(r, 15) {
		x.upTo = r.IntN(res.size + 100)
	}
	x.slow = chance(r, 10)
	if chance(r, 15) {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.w.some(r, 3*time.Second))
		defer cancel()
	}
	x.req = x.req.WithContext(ctx)
	x.do()
	if x.err != nil {
		p.request(d, res, "GET", nil).do() // as everybody does
	}
}

// ranges asks for a part.
func (p *person) ranges(d *door, res *resource) {
	x := p.request(d, res, "GET", nil)
	from := p.rand.IntN(res.size + 120)
	x.req.Header.Set("Range", pick(p.rand, fmt.Sprintf("bytes=%d-", from), fmt.Sprintf("bytes=%d-%d", from, from+p.rand.IntN(res.size+50)),
		fmt.Sprintf("bytes=-%d", 1+p.rand.IntN(res.size+50)), "bytes=0-20", "bytes=0-0"))
	if tag := p.tags[res]; tag != "" && !strings.HasPrefix(tag, "W/") && chance(p.rand, 30) {
		x.req.Header.Set("If-Range", tag)
	}
	x.do()
}

// conditional asks whether what p has is still right.
func (p *person) conditional(d *door, res *resource) {
	x := p.request(d, res, "GET", nil)
	if tag := p.tags[res]; tag != "" {
		x.req.Header.Set("If-None-Match", tag)
	}
	x.do()
}

// edit reads a resource and writes it some time later.
func (p *person) edit(d *door, res *resource) {
	p.request(d, res, "GET", nil).do()
	time.Sleep(p.w.some(p.rand, 30*time.Second))
	p.write(d, res, pick(p.rand, "PUT", "PATCH"))
}

// appending is a query of a POST that changes the resource without one.
const appending = "?append"

func (p *person) write(d *door, res *resource, method string) {
	target := p.w.urlOf(res)
	if method == http.MethodPost && !strings.Contains(target, "?") {
		target += appending // as S3 has it for the parts of an upload
	}
	p.sendWrite(p.requestTo(d, res, method, target, p.content(method)))
	if chance(p.rand, 60) {
		p.request(d, res, "GET", nil).do() // to see what has become of it
	}
}

func (p *person) content(method string) io.Reader {
	if method == http.MethodDelete {
		return nil
	}
	content := uploadContent(1 + p.rand.IntN(300))
	if chance(p.rand, 30) {
		return io.MultiReader(bytes.NewReader(content)) // it has no GetBody
	}
	return bytes.NewReader(content)
}

func (p *person) sendWrite(x *exchange) {
	p.writes++
	x.req.Header.Set("X-Write", fmt.Sprintf("%s.%d", p.name, p.writes))
	if chance(p.rand, 10) {
		x.req.Header.Set("Idempotency-Key", fmt.Sprintf(`"%s.%d"`, p.name, p.writes))
	}
	if chance(p.rand, 10) {
		ctx, cancel := context.WithTimeout(x.req.Context(), p.w.some(p.rand, 3*time.Second))
		defer cancel()
		x.req = x.req.WithContext(ctx)
	}
	x.do()
}

// redirected goes to a resource by a redirect, of the same origin or of the other.
func (p *person) redirected(d *door) {
	from, to, i := p.rand.IntN(2), p.rand.IntN(2), p.rand.IntN(6)
	host := p.w.origins[from].host
	target := fmt.Sprintf("http://%s/go/%d/%d/%d", host, pick(p.rand, 301, 302, 307, 308), to, i)
	res := p.w.origins[to].resources[i]
	asked := &resource{host: host, private: res.private} // whose credentials go along
	method := "GET"
	if chance(p.rand, 20) {
		method = pick(p.rand, "PUT", "POST")
	}
	var body io.Reader
	if method != "GET" {
		body = p.content(method)
	}
	x := p.requestTo(d, asked, method, target, body)
	x.res = res
	if method == "GET" {
		x.do()
		return
	}
	p.sendWrite(x)
}

// do sends the request, reads the response, and has it judged.
func (x *exchange) do() {
	if strings.HasPrefix(x.req.Header.Get("Authorization"), "SharedKey ") {
		x.req.Header.Set("X-Signed", strings.Join(slices.Collect(maps.Keys(x.req.Header)), " "))
	}
	x.t0 = time.Now()
	x.resp, x.err = x.d.client.Do(x.req)
	x.t1 = time.Now()
	if x.err == nil {
		x.read()
	}
	x.t2 = time.Now()
	x.cancelled = x.req.Context().Err() != nil
	x.p.w.judge(x)
}

func (x *exchange) read() {
	defer x.resp.Body.Close()
	if x.upTo >= 0 {
		x.body, x.err = io.ReadAll(io.LimitReader(x.resp.Body, int64(x.upTo)))
		return
	}
	if !x.slow {
		x.body, x.err = io.ReadAll(x.resp.Body)
		return
	}
	piece := make([]byte, 1+x.p.rand.IntN(20000))
	for x.err == nil {
		time.Sleep(x.p.w.some(x.p.rand, time.Second))
		var n int
		n, x.err = x.resp.Body.Read(piece)
		x.body = append(x.body, piece[:n]...)
	}
	if x.err == io.EOF {
		x.err = nil
	}
}

// decoded undoes a coding that the caller has asked for itself.
func decoded(coding string, b []byte) ([]byte, error) {
	switch coding {
	case "gzip":
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(z)
	case "br":
		return io.ReadAll(brotli.NewReader(bytes.NewReader(b)))
	}
	return b, nil
}

// hear is a hook that hears what every layer tells.
func (w *world) hear(ctx context.Context, e trace.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if *modelNotes {
		if u, err := url.Parse(e.URL); err == nil {
			w.notef(u.Host+u.Path, "  %s %s: %s: %s %v %v", userOf(ctx), e.Layer, e.Action, e.Reason, e.Attrs, e.Err)
		}
	}
	text := fmt.Sprintf("%v %s %s %v %v", e, e.Reason, e.URL, e.Err, e.Attrs)
	if secret := w.foreign("", text); secret != "" {
		w.failf("trace", "%s was told: %s", secret, text)
	}
}
