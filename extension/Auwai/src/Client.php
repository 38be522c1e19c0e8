<?php

namespace MediaWiki\Extension\Auwai;

use MediaWiki\Http\HttpRequestFactory;

/**
 * HTTP to the Auwai service. Never throws: an answer that did not come has status 0 and an error.
 *
 * @license GPL-2.0-or-later
 */
class Client {
	/** @var HttpRequestFactory */
	private $factory;

	/** @var string */
	private $server;

	/** @var string */
	private $token;

	/** @var float[] */
	private $timeouts;

	/** @var object|null Client with its open connections, made at the first request */
	private $http;

	/**
	 * @param HttpRequestFactory $factory
	 * @param string $server Address of the service, with any path that comes before /v1
	 * @param float $connectTimeout Seconds
	 * @param float $timeout Seconds
	 * @param string $token Of this wiki, if the service has tokens
	 */
	public function __construct(
		HttpRequestFactory $factory, string $server, float $connectTimeout, float $timeout, string $token = ''
	) {
		$this->factory = $factory;
		$this->server = rtrim( $server, '/' );
		$this->token = $token;
		$this->timeouts = [ 'connTimeout' => $connectTimeout, 'reqTimeout' => $timeout ];
	}

	/** @return string Address of the service for people: without a token, if its path has one */
	public function getServer(): string {
		return preg_replace( '#/t/[^/]*#', '/t/…', $this->server );
	}

	/**
	 * @param string $path e.g. /v1/jobs
	 * @param string $body JSON
	 * @return Reply
	 */
	public function post( string $path, string $body ): Reply {
		return $this->request( [
			'method' => 'POST',
			'url' => $this->server . $path,
			'headers' => [ 'content-type' => 'application/json' ],
			'body' => $body,
		] );
	}

	/**
	 * @param string $path With its query
	 * @return Reply
	 */
	public function get( string $path ): Reply {
		return $this->request( [ 'method' => 'GET', 'url' => $this->server . $path ] );
	}

	/**
	 * @param array $request
	 * @return Reply
	 */
	private function request( array $request ): Reply {
		if ( $this->token !== '' ) {
			// Not "authorization": that is for a user and password in the address.
			$request['headers']['x-auwai-token'] = $this->token;
		}
		$this->http = $this->http ?? $this->factory->createMultiClient( $this->timeouts );
		try {
			// No proxy: $wgHTTPProxy and http_proxy are for the world outside.
			$reply = $this->http->run( $request + [ 'proxy' => '' ] );
		} catch ( \Exception $e ) {
			return new Reply( 0, '', get_class( $e ) . ': ' . $e->getMessage() );
		}
		$error = (string)$reply['error'];
		// A status line followed by a broken body is no answer.
		return new Reply( $error === '' ? (int)$reply['code'] : 0, (string)$reply['body'], $error );
	}
}
