#!/usr/bin/perl
# Mail::DKIM as a verifier of many messages: reads NAME LENGTH\n and LENGTH octets, again and again, and answers
# one line each: NAME and SELECTOR/DOMAIN=RESULT (DETAIL) parts, joined by tabs. usage: verify.pl PORT-OF-NAME-SERVER
use strict;
use warnings;
use Mail::DKIM::DNS;
use Mail::DKIM::Verifier;
use Net::DNS::Resolver;

my $resolver = Net::DNS::Resolver->new(
	nameservers => ['127.0.0.1'], port => $ARGV[0], recurse => 0, udp_timeout => 5, retry => 2,
	dnsrch => 0, defnames => 0);
Mail::DKIM::DNS::resolver($resolver);
binmode(STDIN);
$| = 1;
while (my $line = <STDIN>) {
	my ($name, $length) = split(' ', $line);
	my $message = '';
	while (length($message) < $length) {
		read(STDIN, $message, $length - length($message), length($message)) or die "short message";
	}
	my $verifier = Mail::DKIM::Verifier->new();
	my @results;
	eval {
		$verifier->PRINT($message);
		$verifier->CLOSE();
		push @results, sprintf('%s/%s=%s', $_->selector, $_->domain, $_->result_detail =~ s/[\t\n]/ /gr)
			for $verifier->signatures;
		1;
	} or push @results, 'error=' . ($@ =~ s/[\t\n]/ /gr);
	print join("\t", $name, @results), "\n";
}
