<?php

namespace MediaWiki\Extension\Auwai\Rest;

use MediaWiki\Extension\Auwai\BatchRequest;
use MediaWiki\Extension\Auwai\Drainer;
use MediaWiki\Extension\Auwai\JobBatch;
use MediaWiki\Extension\Auwai\Signature;
use MediaWiki\Rest\Handler;
use MediaWiki\Rest\RequestInterface;
use MediaWiki\Rest\Response;

/**
 * POST /auwai/v1/run: the Auwai service has jobs of this wiki run here.
 *
 * Request, signed (see Signature): a BatchRequest. Without jobs it only drains the spool.
 *
 * Answer: 200, application/x-ndjson. One line for each job that was run, sent when it ended, and
 * a last line {"done": true, "spool": rows that wait, "stopped": "" or why jobs were left over}.
 * Where the last line is missing PHP died, in the first job without a line. Anything that is not
 * such a line comes from PHP's death as well.
 *
 * Else a JSON object with "message": 400 the request makes no sense, 403 the signature is wrong,
 * 423 the wiki is read-only, 501 the wiki has no secret.
 *
 * @license GPL-2.0-or-later
 */
class RunHandler extends Handler {
	/** Seconds that a request with jobs spends on the spool. */
	private const DRAIN_SECONDS = 5.0;

	/** @var object Config of core, whose namespace differs between versions */
	private $mainConfig;

	/** @var object ReadOnlyMode of core, whose namespace differs between versions */
	private $readOnlyMode;

	/** @var JobBatch */
	private $batch;

	/** @var Drainer */
	private $drainer;

	/**
	 * @param object $mainConfig
	 * @param object $readOnlyMode
	 * @param JobBatch $batch
	 * @param Drainer $drainer
	 */
	public function __construct( $mainConfig, $readOnlyMode, JobBatch $batch, Drainer $drainer ) {
		$this->mainConfig = $mainConfig;
		$this->readOnlyMode = $readOnlyMode;
		$this->batch = $batch;
		$this->drainer = $drainer;
	}

	/**
	 * @return Response
	 */
	public function execute() {
		$start = microtime( true );
		$secrets = Signature::secrets(
			$this->mainConfig->get( 'AuwaiSecret' ), (string)$this->mainConfig->get( 'SecretKey' ) );
		if ( !$secrets ) {
			return $this->error( 501, 'This wiki has neither $wgAuwaiSecret nor $wgSecretKey.' );
		}
		$body = $this->getRequest()->getBody();
		$body->rewind();
		$text = $body->getContents();
		$fault = Signature::check(
			$this->getRequest()->getHeaderLine( Signature::HEADER ), $text, $secrets, time() );
		if ( $fault !== null ) {
			return $this->error( 403, $fault );
		}
		$request = json_decode( $text, true );
		$fault = BatchRequest::fault( $request );
		if ( $fault !== null ) {
			return $this->error( 400, $fault );
		}
		if ( $this->readOnlyMode->isReadOnly() ) {
			return $this->error( 423, 'This wiki is read-only: ' . $this->readOnlyMode->getReason() );
		}
		return $this->stream( $request, $start );
	}

	/**
	 * @param array $request
	 * @param float $start
	 * @return Response
	 */
	private function stream( array $request, float $start ): Response {
		global $wgDisableOutputCompression;

		// Compression would hold lines back, and MediaWiki would compress for any client that can.
		$wgDisableOutputCompression = true;
		ini_set( 'zlib.output_compression', '0' );
		if ( !defined( 'MEDIAWIKI_JOB_RUNNER' ) ) {
			define( 'MEDIAWIKI_JOB_RUNNER', true );
		}
		$response = $this->getResponseFactory()->create();
		$response->setHeader( 'Content-Type', 'application/x-ndjson' );
		$response->setHeader( 'Cache-Control', 'no-store' );
		$response->setHeader( 'X-Accel-Buffering', 'no' );
		$response->setBody( new BatchStream( function ( callable $tell ) use ( $request, $start ) {
			$stopped = $this->batch->run( $request['jobs'], $start + $request['max_time_s'], $tell );
			$seconds = $request['jobs'] ? self::DRAIN_SECONDS : (float)$request['max_time_s'];
			if ( $stopped !== JobBatch::STOPPED_READONLY && $stopped !== JobBatch::STOPPED_DATABASE ) {
				$this->drainer->drain( $seconds );
			}
			$tell( [ 'done' => true, 'spool' => $this->drainer->waiting(), 'stopped' => $stopped ] );
		} ) );
		return $response;
	}

	private function error( int $status, string $message ): Response {
		return $this->getResponseFactory()->createHttpError( $status, [ 'message' => $message ] );
	}

	/**
	 * The signature covers the body as it came, so nobody else reads it (1.42 and later ask).
	 *
	 * @param RequestInterface $request
	 * @return array|null
	 */
	public function parseBodyData( RequestInterface $request ): ?array {
		return null;
	}

	/**
	 * @return bool False: the signature is the only permission, also on a private wiki
	 */
	public function needsReadAccess(): bool {
		return false;
	}

	/**
	 * @return bool
	 */
	public function needsWriteAccess(): bool {
		return false;
	}
}
