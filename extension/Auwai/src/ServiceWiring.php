<?php

use MediaWiki\Extension\Auwai\Claims;
use MediaWiki\Extension\Auwai\Client;
use MediaWiki\Extension\Auwai\Compat;
use MediaWiki\Extension\Auwai\Cause;
use MediaWiki\Extension\Auwai\Drainer;
use MediaWiki\Extension\Auwai\ItemFactory;
use MediaWiki\Extension\Auwai\JobBatch;
use MediaWiki\Extension\Auwai\JobLists;
use MediaWiki\Extension\Auwai\Outbox;
use MediaWiki\Extension\Auwai\QueueCounts;
use MediaWiki\Extension\Auwai\Sender;
use MediaWiki\Extension\Auwai\Spool\FileSpool;
use MediaWiki\Extension\Auwai\Spool\TableSpool;
use MediaWiki\Logger\LoggerFactory;
use MediaWiki\MediaWikiServices;

/** @phpcs-require-sorted-array */
return [
	'Auwai.Claims' => static function ( MediaWikiServices $services ): Claims {
		return new Claims( $services->getService( 'Auwai.Client' ), $services->getService( 'Auwai.Cause' ),
			$services->getHookContainer(), LoggerFactory::getInstance( 'Auwai' ) );
	},
	'Auwai.Client' => static function ( MediaWikiServices $services ): Client {
		$config = $services->getMainConfig();
		return new Client(
			$services->getHttpRequestFactory(),
			$config->get( 'AuwaiServer' ),
			(float)$config->get( 'AuwaiConnectTimeout' ),
			(float)$config->get( 'AuwaiTimeout' ),
			(string)$config->get( 'AuwaiToken' )
		);
	},
	'Auwai.Drainer' => static function ( MediaWikiServices $services ): Drainer {
		return new Drainer(
			$services->getService( 'Auwai.Sender' ),
			$services->getService( 'Auwai.TableSpool' ),
			$services->getService( 'Auwai.FileSpool' ),
			LoggerFactory::getInstance( 'Auwai' )
		);
	},
	'Auwai.FileSpool' => static function ( MediaWikiServices $services ): FileSpool {
		return new FileSpool(
			(string)$services->getMainConfig()->get( 'AuwaiSpoolDirectory' ),
			Compat::currentWikiId()
		);
	},
	'Auwai.Cause' => static function (): Cause {
		return new Cause();
	},
	'Auwai.ItemFactory' => static function ( MediaWikiServices $services ): ItemFactory {
		return new ItemFactory( $services->getMainConfig()->get( 'ServerName' ), $services->getService( 'Auwai.Cause' ) );
	},
	'Auwai.JobBatch' => static function ( MediaWikiServices $services ): JobBatch {
		return new JobBatch(
			$services->getJobRunner(),
			$services->getDBLoadBalancerFactory(),
			LoggerFactory::getInstance( 'Auwai' ),
			(int)$services->getMainConfig()->get( 'AuwaiJobTimeLimit' ),
			$services->getService( 'Auwai.Cause' )
		);
	},
	'Auwai.JobLists' => static function ( MediaWikiServices $services ): JobLists {
		return new JobLists( $services->getService( 'Auwai.Client' ), LoggerFactory::getInstance( 'Auwai' ) );
	},
	'Auwai.Outbox' => static function ( MediaWikiServices $services ): Outbox {
		return new Outbox(
			$services->getService( 'Auwai.Sender' ),
			$services->getService( 'Auwai.TableSpool' ),
			$services->getService( 'Auwai.FileSpool' ),
			$services->getService( 'Auwai.Drainer' ),
			$services->getDBLoadBalancerFactory(),
			LoggerFactory::getInstance( 'Auwai' )
		);
	},
	'Auwai.QueueCounts' => static function ( MediaWikiServices $services ): QueueCounts {
		return new QueueCounts( $services->getService( 'Auwai.Client' ) );
	},
	'Auwai.Sender' => static function ( MediaWikiServices $services ): Sender {
		return new Sender( $services->getService( 'Auwai.Client' ) );
	},
	'Auwai.TableSpool' => static function ( MediaWikiServices $services ): TableSpool {
		return new TableSpool( $services->getDBLoadBalancerFactory(), Compat::currentWikiId() );
	},
];
