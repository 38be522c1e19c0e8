vcl 4.1;

# Varnish in front of the farm's one web server. The cache key is host and path; purge URLs carry
# the port of $wgServer in their host, readers may or may not, so the port is cut off.

backend web {
	.host = "127.0.0.1";
	.port = "@WEB_PORT@";
	.connect_timeout = 10s;
	.first_byte_timeout = 120s;
}

acl loopback { "127.0.0.1"; }

sub vcl_recv {
	set req.http.Host = regsub(req.http.Host, ":[0-9]+$", "");
	if (req.method == "PURGE") {
		if (client.ip !~ loopback) {
			return (synth(405, "Not allowed"));
		}
		return (purge);
	}
	if (req.method != "GET" && req.method != "HEAD") {
		return (pass);
	}
	if (req.http.Authorization || req.http.Cookie ~ "([sS]ession|Token)=") {
		return (pass);
	}
	unset req.http.Cookie;
	return (hash);
}

sub vcl_deliver {
	if (obj.hits > 0) {
		set resp.http.X-Cache = "hit";
	} else {
		set resp.http.X-Cache = "miss";
	}
}
