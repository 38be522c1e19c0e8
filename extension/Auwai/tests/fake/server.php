<?php
/**
 * A stand-in for the Auwai service, run by PHP's built-in server:
 *
 *   AUWAI_FAKE_DIR=<folder> php -S 127.0.0.1:<port> tests/fake/server.php
 *
 * It records each request as a line of <folder>/requests.jsonl and keeps client ids as the service
 * does, in <folder>/ids.json. <folder>/script.json is a list of answers for the next requests of a
 * path: {"path", "status", "body", "keep": whether the jobs are kept although the answer is this,
 * "times"}; without one left it answers as the service would. <folder>/queues.json is the answer to
 * GET /v1/queues. Of jobs to list or to claim there are none but what a script says; whatever is told
 * of a claimed job is taken.
 */

$dir = getenv( 'AUWAI_FAKE_DIR' );
$path = parse_url( $_SERVER['REQUEST_URI'], PHP_URL_PATH );
$body = file_get_contents( 'php://input' );

$lock = fopen( "$dir/lock", 'c' );
flock( $lock, LOCK_EX );

if ( $path === '/healthz' ) {
	echo 'ok';
	return;
}
$headers = [];
foreach ( $_SERVER as $name => $value ) {
	if ( strncmp( $name, 'HTTP_', 5 ) === 0 || $name === 'CONTENT_TYPE' ) {
		$headers[strtolower( strtr( preg_replace( '/^HTTP_/', '', $name ), '_', '-' ) )] = $value;
	}
}
file_put_contents( "$dir/requests.jsonl", json_encode( [
	'method' => $_SERVER['REQUEST_METHOD'], 'uri' => $_SERVER['REQUEST_URI'], 'headers' => $headers, 'body' => $body,
] ) . "\n", FILE_APPEND );

$read = static function ( string $file ) use ( $dir ): array {
	return file_exists( "$dir/$file" ) ? json_decode( file_get_contents( "$dir/$file" ), true ) : [];
};
$answer = static function ( int $status, string $text ): void {
	http_response_code( $status );
	header( 'Content-Type: application/json' );
	echo $text;
};
$keepJobs = static function ( array $jobs ) use ( $dir, $read ): array {
	$ids = $read( 'ids.json' );
	$places = [];
	foreach ( $jobs as $job ) {
		$source = $job['wiki'] . '/' . $job['client_id'];
		$ids[$source] = $ids[$source] ?? 'job-' . ( count( $ids ) + 1 );
		$places[] = [ 'id' => $ids[$source] ];
	}
	file_put_contents( "$dir/ids.json", json_encode( $ids ) );
	return $places;
};

$script = $read( 'script.json' );
foreach ( $script as $i => $step ) {
	if ( $step['path'] !== $path ) {
		continue;
	}
	$script[$i]['times'] = ( $step['times'] ?? 1 ) - 1;
	if ( $script[$i]['times'] === 0 ) {
		unset( $script[$i] );
	}
	file_put_contents( "$dir/script.json", json_encode( array_values( $script ) ) );
	if ( $step['keep'] ?? false ) {
		$keepJobs( json_decode( $body, true ) );
	}
	$answer( $step['status'], is_string( $step['body'] ) ? $step['body'] : json_encode( $step['body'] ) );
	return;
}

if ( $path === '/v1/queues' ) {
	$answer( 200, json_encode( $read( 'queues.json' ) ?: [ 'queues' => [], 'cursor' => '' ] ) );
} elseif ( $path === '/v1/events' ) {
	http_response_code( 201 );
} elseif ( preg_match( '!^/v1/queues/[^/]+/claim$!', $path ) ) {
	$answer( 200, '{"jobs":[]}' );
} elseif ( preg_match( '!^/v1/queues/[^/]+/purge$!', $path ) ) {
	$answer( 200, '{"sweeping":0}' );
} elseif ( preg_match( '!^/v1/jobs/([^/]+)/(finish|fail)$!', $path, $m ) ) {
	$answer( 200, json_encode( [ 'id' => $m[1], 'state' => $m[2] === 'finish' ? 'done' : 'delayed' ] ) );
} elseif ( $path === '/v1/jobs' && $_SERVER['REQUEST_METHOD'] === 'GET' ) {
	$answer( 200, '{"jobs":[],"cursor":""}' );
} elseif ( $path === '/v1/jobs' ) {
	$jobs = json_decode( $body, true );
	if ( !is_array( $jobs ) || $jobs === [] ) {
		$answer( 400, '{"title":"Bad Request","status":400,"detail":"not a list of jobs"}' );
	} elseif ( count( $jobs ) > 1000 || strlen( $body ) > 10000000 ) {
		$answer( 413, '{"title":"Too Large","status":413,"detail":"too many jobs"}' );
	} elseif ( in_array( 'refuseMe', array_column( $jobs, 'queue' ), true ) ) {
		$at = array_search( 'refuseMe', array_column( $jobs, 'queue' ), true );
		$answer( 400, json_encode( [ 'title' => 'Bad Request', 'status' => 400, 'detail' => "[$at].queue: refused" ] ) );
	} else {
		$answer( 201, json_encode( $keepJobs( $jobs ) ) );
	}
} else {
	$answer( 404, '{"title":"Not Found","status":404}' );
}
