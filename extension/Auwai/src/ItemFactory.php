<?php

namespace MediaWiki\Extension\Auwai;

use InvalidArgumentException;

/**
 * Turns jobs and purged URLs into what is sent to the Auwai service.
 *
 * @license GPL-2.0-or-later
 */
class ItemFactory {
	/** @var string Host of this wiki, without port */
	private $domain;

	/** @var Cause */
	private $cause;

	/**
	 * @param string $domain Host of this wiki, without port: meta.domain of its events
	 * @param Cause $cause
	 */
	public function __construct( string $domain, Cause $cause ) {
		$this->domain = $domain;
		$this->cause = $cause;
	}

	/**
	 * @param object $job An IJobSpecification
	 * @param string $wiki Name of the wiki that the job belongs to
	 * @return Item
	 * @throws InvalidArgumentException If its parameters cannot be queued
	 */
	public function job( $job, string $wiki ): Item {
		$params = $job->getParams();
		// 128 random bits: two jobs never get the same, and it needs no service to be minted.
		$clientId = bin2hex( random_bytes( 16 ) );
		$head = [
			'client_id' => $clientId,
			'queue' => $job->getType(),
			'wiki' => $wiki,
			'request_id' => self::requestId( $params['requestId'] ?? Compat::requestId() ),
		];
		$key = DuplicateKey::of( $job );
		if ( $key !== null ) {
			$head['key'] = $key;
		}
		if ( $this->cause->get() !== '' ) {
			$head['cause'] = $this->cause->get();
		}
		if ( $job->getReleaseTimestamp() ) {
			$head['run_at'] = self::rfc3339( $job->getReleaseTimestamp() );
		}
		$root = $this->root( $job );
		if ( $root !== null ) {
			$head['root'] = $root;
		}
		$payload = '{"type":' . ParamCodec::json( $job->getType() ) .
			',"params":' . ParamCodec::encode( $params ) . '}';
		$json = substr( ParamCodec::json( ParamCodec::wrap( $head ) ), 0, -1 ) . ',"payload":' . $payload . '}';
		return new Item( Item::JOB, $clientId, $json );
	}

	/**
	 * A purge event with the fields, and the order of fields, of EventBus's.
	 *
	 * @param string $url
	 * @param float $time Unix time of the change
	 * @param string $id UUID
	 * @return Item
	 */
	public function purge( string $url, float $time, string $id ): Item {
		return new Item( Item::EVENT, $id, ParamCodec::json( ParamCodec::wrap( [
			'$schema' => '/resource_change/1.0.0',
			'meta' => [
				'uri' => $url,
				'request_id' => self::requestId( Compat::requestId() ),
				'id' => $id,
				'dt' => self::rfc3339( (int)$time ),
				'domain' => $this->domain,
				'stream' => 'resource-purge',
			],
			'tags' => [ 'mediawiki' ],
		] ) ) );
	}

	/**
	 * @param object $job
	 * @return array|null
	 */
	private function root( $job ): ?array {
		if ( !$job->hasRootJobParams() ) {
			return null;
		}
		$root = $job->getRootJobParams();
		// 14 digits, as MediaWiki writes them: generations are compared as text.
		$time = wfTimestampOrNull( TS_MW, $root['rootJobTimestamp'] );
		if ( $time === null || $time === false ) {
			return null;
		}
		return [
			'signature' => (string)$root['rootJobSignature'],
			'timestamp' => $time,
			'is_root' => (bool)$job->isRootJob(),
		];
	}

	/**
	 * A request id may come from outside; the service takes up to 255 bytes of readable text.
	 *
	 * @param mixed $id
	 * @return string
	 */
	private static function requestId( $id ): string {
		return substr( preg_replace( '/[^\x21-\x7e]/', '?', is_scalar( $id ) ? (string)$id : '' ), 0, 255 );
	}

	/**
	 * @param int|string $unix Unix time
	 * @return string
	 */
	private static function rfc3339( $unix ): string {
		return gmdate( 'Y-m-d\TH:i:s\Z', (int)$unix );
	}
}
