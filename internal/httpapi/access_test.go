package httpapi_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"auwai/api"
	"auwai/internal/access"
	"auwai/internal/httpapi"
)

const (
	aToken = access.Prefix + "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	bToken = access.Prefix + "BBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBBB"
)

// policyOf is a policy of tokens, and of networks that have every role.
func policyOf(t *testing.T, tokens []access.Token, networks ...string) *access.Policy {
	t.Helper()
	var list []access.Network
	for _, n := range networks {
		list = append(list, access.Network{Prefix: netip.MustParsePrefix(n), Role: access.Admin})
	}
	p, err := access.New(tokens, list)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every operation of openapi.yaml says which role it needs, and needs it.
func TestEveryOperationNeedsItsRole(t *testing.T) {
	r := newRig(t)
	operations := 0
	for path, methods := range r.doc.Paths {
		target := strings.NewReplacer("{id}", "aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV", "{scope}", "wiki:aawiki", "{queue}", "encode").Replace(path)
		for verb, operation := range methods {
			operations++
			method := strings.ToUpper(verb)
			if operation.Role == "" {
				t.Errorf("%s %s has no x-role in openapi.yaml", method, path)
				continue
			}
			for _, name := range access.RoleNames() {
				role, _ := access.ParseRole(name)
				r.policy = policyOf(t, []access.Token{{Name: "a", Hash: access.HashOf(aToken), Roles: access.SetOf(role)}})
				want := name == operation.Role || name == "admin" || operation.Role == "anyone"
				w := r.do(method, target, "[]", header("X-Auwai-Token", aToken))
				if got := w.Code != http.StatusForbidden && w.Code != http.StatusUnauthorized; got != want {
					t.Errorf("%s %s with the role %s answers %d", method, path, name, w.Code)
				}
				w = r.do(method, target, "[]", nil)
				if got := w.Code != http.StatusUnauthorized; got != (operation.Role == "anyone") {
					t.Errorf("%s %s without a token answers %d", method, path, w.Code)
				}
			}
		}
	}
	if operations < 11 {
		t.Errorf("%d operations found; the walk misses them", operations)
	}
}

// What is served and not documented would be missed by the walk over the document.
func TestEveryRouteIsDocumented(t *testing.T) {
	doc := readDocument(t)
	routes := httpapi.Routes()
	for _, r := range routes {
		method, path, _ := strings.Cut(r, " ")
		if _, ok := doc.Paths[path][strings.ToLower(method)]; !ok {
			t.Errorf("%s is not in openapi.yaml", r)
		}
	}
	if len(routes) < 11 {
		t.Errorf("%d routes found", len(routes))
	}
}

func TestATokenIsTakenFromHeadersAndFromThePath(t *testing.T) {
	r := newRig(t)
	r.policy = policyOf(t, []access.Token{{Name: "a", Hash: access.HashOf(aToken), Roles: access.SetOf(access.Produce)}})
	for name, c := range map[string]struct {
		target string
		change func(*http.Request)
		want   int
	}{
		"Bearer":            {"/v1/events", header("Authorization", "Bearer "+aToken), 201},
		"bearer":            {"/v1/events", header("Authorization", "bearer  "+aToken+" "), 201},
		"own header":        {"/v1/events", header("X-Auwai-Token", aToken), 201},
		"path":              {"/t/" + aToken + "/v1/events", nil, 201},
		"path with slashes": {"/t/" + aToken + "//v1/events", nil, 201},
		"escaped path":      {"/%74/%61" + aToken[1:] + "/v1/events", nil, 201},
		"path over header":  {"/t/" + aToken + "/v1/events", header("X-Auwai-Token", bToken), 201},
		"wrong path":        {"/t/" + bToken + "/v1/events", header("X-Auwai-Token", aToken), 401},
		"another scheme":    {"/v1/events", header("Authorization", "Basic "+aToken), 401},
		"none":              {"/v1/events", nil, 401},
		"unknown":           {"/v1/events", header("Authorization", "Bearer "+bToken), 401},
		"query":             {"/v1/events?token=" + aToken, nil, 401},
		"nothing behind it": {"/t/" + aToken, nil, 404},
		"unknown behind it": {"/t/" + aToken + "/v1/nothing", nil, 404},
		"health of a probe": {"/healthz", header("X-Auwai-Token", bToken), 405},
		"slashes before it": {"//t//" + aToken + "/v1/events", nil, 201},
		"no token after it": {"/t/", nil, 404},
	} {
		t.Run(name, func(t *testing.T) {
			request := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:8192"+c.target, strings.NewReader(anEvent))
			if c.change != nil {
				c.change(request)
			}
			w := httptest.NewRecorder()
			r.handler.ServeHTTP(w, request)
			if w.Code != c.want {
				t.Errorf("status %d, want %d: %s", w.Code, c.want, w.Body)
			}
			for _, text := range []string{w.Body.String(), r.log.String(), strings.Join(r.routes, "\n")} {
				if strings.Contains(text, aToken) || strings.Contains(text, bToken) {
					t.Errorf("a token is in %s", text)
				}
			}
		})
	}
	if !strings.Contains(r.log.String(), "path=/v1/events") {
		t.Errorf("the log has no paths: %s", r.log)
	}
}

func TestWrongTokensAndNoneAreAnsweredAlike(t *testing.T) {
	r := newRig(t)
	r.policy = policyOf(t, []access.Token{{Name: "a", Hash: access.HashOf(aToken), Roles: access.AllRoles}})
	none := r.do("GET", "/v1/queues", "", nil)
	for _, token := range []string{bToken, aToken[:len(aToken)-1], "x", strings.Repeat("x", 5000)} {
		w := r.do("GET", "/v1/queues", "", header("X-Auwai-Token", token))
		if w.Code != none.Code || w.Body.String() != none.Body.String() || w.Header().Get("WWW-Authenticate") != `Bearer realm="auwai"` {
			t.Errorf("answered %d %s, want %s", w.Code, w.Body, none.Body)
		}
	}
	if p := problem(t, none); p.Kind != "forbidden" || !strings.Contains(p.Detail, "Authorization: Bearer") {
		t.Errorf("the problem is %+v", p)
	}
}

func TestATokenReachesItsWikisOnly(t *testing.T) {
	r := newRig(t)
	r.policy = policyOf(t, []access.Token{{
		Name: "a", Hash: access.HashOf(aToken), Roles: access.AllRoles, Wikis: []string{"aawiki"}, PushTo: []string{"commons"},
	}})
	with := header("X-Auwai-Token", aToken)
	const own, foreign = "aawiki.01ARZ3NDEKTSV4RRFFQ69G5FAV", "commons.01ARZ3NDEKTSV4RRFFQ69G5FAV"
	for _, c := range [][2]string{{"GET", ""}, {"POST", "/retry"}, {"POST", "/cancel"}} {
		if w := r.do(c[0], "/v1/jobs/"+own+c[1], "", with); w.Code != 200 || r.id != own {
			t.Errorf("%v of an own job: %d %s", c, w.Code, w.Body)
		}
		r.id = ""
		w := r.do(c[0], "/v1/jobs/"+foreign+c[1], "", with)
		if w.Code != 404 || r.id != "" || !strings.HasPrefix(problem(t, w).Detail, "there is no job "+foreign) {
			t.Errorf("%v of a foreign job: %d %s", c, w.Code, w.Body)
		}
	}
	r.do("GET", "/v1/jobs", "", with)
	r.do("GET", "/v1/queues", "", with)
	r.do("POST", "/v1/events", anEvent, with)
	for what, g := range map[string]*access.Grant{"jobs": r.filter.Reach, "queues": r.queues.Reach, "events": r.source.Caller} {
		if g == nil || !slices.Equal(g.Wikis(), []string{"aawiki"}) {
			t.Errorf("%s are asked for with %+v", what, g)
		}
	}
	if w := r.do("GET", "/metrics", "", with); w.Code != 403 || !strings.Contains(problem(t, w).Detail, "all wikis") {
		t.Errorf("metrics: %d %s", w.Code, w.Body)
	}
}

func TestABrowserWithATokenMayNameUsAsItLikes(t *testing.T) {
	r := newRig(t)
	r.policy = policyOf(t, []access.Token{{Name: "a", Hash: access.HashOf(aToken), Roles: access.AllRoles}}, "192.0.2.0/24")
	named := func(token string) func(*http.Request) {
		return func(request *http.Request) {
			request.Host = "auwai.example.org"
			request.Header.Set("Origin", "https://auwai.example.org")
			if token != "" {
				request.Header.Set("Authorization", "Bearer "+token)
			}
		}
	}
	if w := r.do("GET", "/v1/queues", "", named(aToken)); w.Code != 200 {
		t.Errorf("with a token: %d %s", w.Code, w.Body)
	}
	if w := r.do("GET", "/v1/queues", "", named("")); w.Code != 421 {
		t.Errorf("by its address: %d %s", w.Code, w.Body)
	}
	if w := r.do("GET", "/v1/queues", "", named(bToken)); w.Code != 421 {
		t.Errorf("with a token that is not known: %d %s", w.Code, w.Body)
	}
}

// Loopback, and a unix socket, are this machine; an address that cannot be read is nowhere.
func TestWhereACallerComesFrom(t *testing.T) {
	r := newRig(t)
	r.policy = policyOf(t, nil)
	for remote, want := range map[string]int{
		"127.0.0.1:1": 200, "[::1]:1": 200, "[::ffff:127.0.0.1]:1": 200, "@": 200, "": 200, "/run/x": 200,
		"192.0.2.1:1": 401, "nonsense": 401, "[fe80::1%eth0]:1": 401,
	} {
		w := r.do("GET", api.PathQueues, "", func(request *http.Request) { request.RemoteAddr = remote })
		if w.Code != want {
			t.Errorf("%q: status %d, want %d", remote, w.Code, want)
		}
	}
}

func TestABrowserMayNameAnyAddressOfAWiderInterface(t *testing.T) {
	for listen, want := range map[string]int{"127.0.0.1:8192": 421, "0.0.0.0:8192": 404, ":8192": 404, "10.1.2.3:8192": 404} {
		handler := httpapi.New(httpapi.Config{Listen: listen})
		request := httptest.NewRequestWithContext(t.Context(), "GET", "http://10.1.2.3:8192/", nil)
		request.Header.Set("Accept-Language", "en")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if w.Code != want {
			t.Errorf("listening on %s: status %d, want %d", listen, w.Code, want)
		}
		request.Host = "evil.example"
		w = httptest.NewRecorder()
		handler.ServeHTTP(w, request)
		if w.Code != 421 {
			t.Errorf("listening on %s, a name: status %d", listen, w.Code)
		}
	}
}
