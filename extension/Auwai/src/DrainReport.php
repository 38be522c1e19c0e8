<?php

namespace MediaWiki\Extension\Auwai;

/**
 * @license GPL-2.0-or-later
 */
class DrainReport {
	/** @var int Items that the service has taken */
	public $sent = 0;

	/** @var int Items set aside: the service will not take them */
	public $setAside = 0;

	/** @var bool Whether time ran out, so that items may be left that could be sent */
	public $more = false;

	/** @var bool Whether another process was at it */
	public $busy = false;

	/** @var string|null Why it stopped; null if it did not fail */
	public $failure = null;
}
