/*M!999999\- enable the sandbox mode */ 
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: aawiki
-- ------------------------------------------------------
-- Server version	10.11.19-MariaDB-0+deb12u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET @OLD_CHARACTER_SET_RESULTS=@@CHARACTER_SET_RESULTS */;
/*!40101 SET @OLD_COLLATION_CONNECTION=@@COLLATION_CONNECTION */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;

--
-- Current Database: `aawiki`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `aawiki` /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_swedish_ci */;

USE `aawiki`;

--
-- Table structure for table `archive`
--

DROP TABLE IF EXISTS `archive`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `archive` (
  `ar_id` int(11) DEFAULT NULL,
  `ar_text` mediumblob DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `archive`
--

LOCK TABLES `archive` WRITE;
/*!40000 ALTER TABLE `archive` DISABLE KEYS */;
INSERT INTO `archive` VALUES
(1,'It\'s; a \"test\" -- with `all` \\ /* things */\nINSERT INTO job VALUES (1); COPY job FROM stdin;'),
(2,'It\'s; a \"test\" -- with `all` \\ /* things */\nINSERT INTO job VALUES (1); COPY job FROM stdin;');
/*!40000 ALTER TABLE `archive` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `job`
--

DROP TABLE IF EXISTS `job`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `job` (
  `job_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `job_cmd` varbinary(60) NOT NULL DEFAULT '',
  `job_namespace` int(11) NOT NULL,
  `job_title` varbinary(255) NOT NULL,
  `job_timestamp` binary(14) DEFAULT NULL,
  `job_params` mediumblob NOT NULL,
  `job_random` int(10) unsigned NOT NULL DEFAULT 0,
  `job_attempts` int(10) unsigned NOT NULL DEFAULT 0,
  `job_token` varbinary(32) NOT NULL DEFAULT '',
  `job_token_timestamp` binary(14) DEFAULT NULL,
  `job_sha1` varbinary(32) NOT NULL DEFAULT '',
  PRIMARY KEY (`job_id`),
  KEY `job_sha1` (`job_sha1`),
  KEY `job_cmd_token` (`job_cmd`,`job_token`,`job_random`),
  KEY `job_cmd_token_id` (`job_cmd`,`job_token`,`job_id`),
  KEY `job_cmd` (`job_cmd`,`job_namespace`,`job_title`,`job_params`(128)),
  KEY `job_timestamp` (`job_timestamp`)
) ENGINE=InnoDB AUTO_INCREMENT=12 DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `job`
--

LOCK TABLES `job` WRITE;
/*!40000 ALTER TABLE `job` DISABLE KEYS */;
INSERT INTO `job` VALUES
(1,'refreshLinks',10,'Box','20260102030001','a:8:{s:5:\"table\";s:13:\"templatelinks\";s:9:\"recursive\";b:1;s:13:\"rootJobIsSelf\";b:1;s:9:\"namespace\";i:10;s:5:\"title\";s:3:\"Box\";s:9:\"requestId\";s:9:\"request-1\";s:16:\"rootJobSignature\";s:40:\"f628445490e657a3bbd1d4d62a6447bcc215899c\";s:16:\"rootJobTimestamp\";s:14:\"20260102030405\";}',7,0,'',NULL,'00000000000000000000000ayoxpqtu'),
(2,'refreshLinks',10,'Box','20260102030002','a:6:{s:5:\"pages\";a:1:{i:31;a:2:{i:0;i:0;i:1;s:7:\"Page_12\";}}s:9:\"namespace\";i:10;s:5:\"title\";s:3:\"Box\";s:10:\"causeAgent\";s:1:\"A\";s:16:\"rootJobSignature\";s:40:\"f628445490e657a3bbd1d4d62a6447bcc215899c\";s:16:\"rootJobTimestamp\";s:14:\"20260102030405\";}',14,0,'',NULL,'000000000000000000000006l2hgmj1'),
(3,'refreshLinks',10,'Other','20260102030003','a:6:{s:5:\"pages\";a:1:{i:31;a:2:{i:0;i:0;i:1;s:7:\"Page_12\";}}s:9:\"namespace\";i:10;s:5:\"title\";s:5:\"Other\";s:10:\"causeAgent\";s:1:\"B\";s:16:\"rootJobSignature\";s:40:\"f628445490e657a3bbd1d4d62a6447bcc215899c\";s:16:\"rootJobTimestamp\";s:14:\"20260102030405\";}',21,0,'',NULL,'000000000000000000000004acoqunx'),
(4,'htmlCacheUpdate',0,'It\'s_a_\\test;','20260102030004','a:3:{s:5:\"table\";s:8:\"redirect\";s:9:\"namespace\";i:0;s:5:\"title\";s:13:\"It\'s_a_\\test;\";}',28,0,'',NULL,'000000000000000000000009xzvq7lg'),
(5,'userOptionsUpdate',-1,'','20260102030005','a:1:{s:4:\"text\";s:75:\"line 1\nline 2\r\n	tab \'quote\' \"double\" ; -- no comment /* none */ \\n \\. ),( \";}',35,0,'',NULL,'0000000000000000000000007xzxcwu'),
(6,'cdnPurge',-1,'','20260102030006','a:2:{s:4:\"urls\";a:2:{i:0;s:40:\"http://aawiki.localhost/wiki/Z%C3%BCrich\";i:1;s:35:\"http://aawiki.localhost/wiki/東京\";}s:19:\"jobReleaseTimestamp\";i:4102444800;}',42,0,'',NULL,'000000000000000000000008zsi6w8x'),
(7,'null',-1,'','20260102030007','a:2:{s:5:\"lives\";i:1;s:6:\"usleep\";i:0;}',49,1,'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','20260102040000','000000000000000000000006lg3m3oj'),
(8,'null',-1,'','20260102030008','a:2:{s:5:\"lives\";i:2;s:6:\"usleep\";i:0;}',56,3,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','20260102040000','000000000000000000000008rkhchzl'),
(9,'oldJob',0,'Old_title','20260102030009','',63,0,'',NULL,'00000000000000000000000bykqb332'),
(10,'broken',0,'X','20260102030010','a:1:{s:1:\"x\";O:4:\"Evil\":0:{}}',70,0,'',NULL,'0000000000000000000000030irptla'),
(11,'userOptionsUpdate',-1,'','20260102030011','a:1:{s:4:\"text\";s:11:\"caf� \0 null\";}',77,0,'',NULL,'00000000000000000000000ag1lp9ld');
/*!40000 ALTER TABLE `job` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `zlast`
--

DROP TABLE IF EXISTS `zlast`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `zlast` (
  `a` int(11) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `zlast`
--

LOCK TABLES `zlast` WRITE;
/*!40000 ALTER TABLE `zlast` DISABLE KEYS */;
INSERT INTO `zlast` VALUES
(1);
/*!40000 ALTER TABLE `zlast` ENABLE KEYS */;
UNLOCK TABLES;
/*!50003 SET @saved_cs_client      = @@character_set_client */ ;
/*!50003 SET @saved_cs_results     = @@character_set_results */ ;
/*!50003 SET @saved_col_connection = @@collation_connection */ ;
/*!50003 SET character_set_client  = utf8mb3 */ ;
/*!50003 SET character_set_results = utf8mb3 */ ;
/*!50003 SET collation_connection  = utf8mb3_general_ci */ ;
/*!50003 SET @saved_sql_mode       = @@sql_mode */ ;
/*!50003 SET sql_mode              = 'STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_AUTO_CREATE_USER,NO_ENGINE_SUBSTITUTION' */ ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 trigger tr before insert on zlast for each row begin insert into job (job_id) values (5); end 
*/;;
DELIMITER ;
/*!50003 SET sql_mode              = @saved_sql_mode */ ;
/*!50003 SET character_set_client  = @saved_cs_client */ ;
/*!50003 SET character_set_results = @saved_cs_results */ ;
/*!50003 SET collation_connection  = @saved_col_connection */ ;

--
-- Current Database: `bbwiki`
--

CREATE DATABASE /*!32312 IF NOT EXISTS*/ `bbwiki` /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_swedish_ci */;

USE `bbwiki`;

--
-- Table structure for table `job`
--

DROP TABLE IF EXISTS `job`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
/*!40101 SET character_set_client = utf8mb4 */;
CREATE TABLE `job` (
  `job_id` int(11) DEFAULT NULL,
  `job_cmd` varbinary(60) DEFAULT NULL,
  `job_params` blob DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=latin1 COLLATE=latin1_swedish_ci;
/*!40101 SET character_set_client = @saved_cs_client */;

--
-- Dumping data for table `job`
--

LOCK TABLES `job` WRITE;
/*!40000 ALTER TABLE `job` DISABLE KEYS */;
INSERT INTO `job` VALUES
(1,'null','');
/*!40000 ALTER TABLE `job` ENABLE KEYS */;
UNLOCK TABLES;
/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40101 SET CHARACTER_SET_RESULTS=@OLD_CHARACTER_SET_RESULTS */;
/*!40101 SET COLLATION_CONNECTION=@OLD_COLLATION_CONNECTION */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed
