package httpapi

import (
	"net/http"

	"auwai/api"
	"auwai/internal/access"
)

// route is one operation of the interface: what it needs of its caller, and what answers it.
type route struct {
	method, path string
	role         access.Role
	scope        scope
	handle       handler
}

// handler answers a request, or returns the error to be answered.
type handler func(w http.ResponseWriter, r *http.Request) error

// scope says how far the answer of a route reaches.
type scope uint8

const (
	// whole: over all wikis. Who reaches some of them only is refused.
	whole scope = iota
	// wikis: the handler leaves out, or refuses, what the caller does not reach; see reach and source.
	wikis
)

// routes are all operations. Each needs a role; a row that names none needs admin, over all wikis.
func (s *server) routes() []route {
	const get, post, put, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete
	return []route{
		{post, api.PathEvents, access.Produce, wikis, s.postEvents},
		{get, api.PathJobs, access.Read, wikis, s.getJobs},
		{post, api.PathJobs, access.Produce, wikis, s.postJobs},
		{get, api.PathJobs + "/{id}", access.Read, wikis, s.getJob},
		{post, api.PathJobs + "/{id}/retry", access.Admin, wikis, s.retryJob},
		{post, api.PathJobs + "/{id}/cancel", access.Admin, wikis, s.cancelJob},
		{post, api.PathJobs + "/cancel", access.Admin, wikis, s.cancelJobs},
		{get, api.PathJobs + "/{id}/explain", access.Read, wikis, s.getExplanation},
		{get, api.PathTrace + "/{id}", access.Read, wikis, s.getTrace},
		{get, api.PathWikis, access.Read, wikis, s.getWikis},
		{post, api.PathDead + "/requeue", access.Admin, wikis, s.requeueDead},
		{post, api.PathDead + "/drop", access.Admin, wikis, s.dropDead},
		{post, api.PathJobs + "/{id}/heartbeat", access.Run, wikis, s.heartbeat},
		{post, api.PathJobs + "/{id}/finish", access.Run, wikis, s.finishJob},
		{post, api.PathJobs + "/{id}/fail", access.Run, wikis, s.failJob},
		{post, api.PathJobs + "/{id}/release", access.Run, wikis, s.releaseJob},
		{get, api.PathQueues, access.Read, wikis, s.getQueues},
		{post, api.PathQueues + "/{queue}/claim", access.Run, wikis, s.claimJobs},
		{post, api.PathQueues + "/{queue}/purge", access.Run, wikis, s.purgeQueue},
		{get, api.PathControl, access.Read, wikis, s.getControls},
		{put, api.PathControl + "/{scope}", access.Admin, wikis, s.putControl},
		{del, api.PathControl + "/{scope}", access.Admin, wikis, s.deleteControl},
		{get, api.PathMetrics, access.Read, whole, s.getMetrics},
		{get, api.PathInfo, access.Read, wikis, s.getInfo},
		{get, api.PathHealth, access.Anyone, wikis, s.getHealth},
		{get, api.PathReady, access.Anyone, wikis, s.getReady},
	}
}

// Routes returns the method and path of every operation, for tests of what is documented.
func Routes() []string {
	var out []string
	for _, r := range new(server).routes() {
		out = append(out, r.method+" "+r.path)
	}
	return out
}
