/* Private keys for tests, published with the source: they protect nothing. Fixed, so that signatures made with
 * them are the same in every run (both algorithms are deterministic). */
#ifndef UNIT_FIXTURE_KEYS_H
#define UNIT_FIXTURE_KEYS_H

#define FIXTURE_KEY_RSA                                                                            \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MIIEvgIBADANBgkqhkiG9w0BAQEFAASCBKgwggSkAgEAAoIBAQDJCymsxN2mg69f\n"                       \
	"3SJ87w/VCNxjPva4wsDl8nndCXQ4d2Hv+602ndb+m1wXPOmK04xH+kOI0LczxZ8f\n"                       \
	"YRm4jUnj2t90/spWcQUjXn4Y04T2PfZqknfNSofyaEWglN2AZGYA8/xtDAh5i8CH\n"                       \
	"CFjvrzvt1C2lAJOuSz6xOYY2gitvNvYjDeDpg2tEAGJpNTjoc6rhX/MHecVnYkx0\n"                       \
	"d2U4i+TXs89piAZwl/9SekCCrQbIMlEY3ZiHIYBj/TPssZZvq3HyWQFcDC1aLhkQ\n"                       \
	"GHi/dk96Zije+7QA6KIhs0PhEtzM+n5qZGCYyBccuuyrV414fpCnPi2FSZxIYckg\n"                       \
	"+yjR6ZDZAgMBAAECggEAJ7ySmKjyrHpju/1v1yTDStatBNrJljw8N1cFWjiHpa+H\n"                       \
	"BpGGq4BoIbvgaGFsQbnNhN6E4bJrO4roiCG/nTgj7irxNuUzZgGBw/tlzg9kvO0D\n"                       \
	"Ww4nKsb79uBAPtydqUZu2OpgrscNl8SVIbt3JKzMmhXxjab/CZiqxAm8KuLwpdLr\n"                       \
	"zs+wHIyG1v32yIrMeXoskDs1/tS1sYgvdVLUdI57MBPDhIZl+WVkAcfsJQgLLJcn\n"                       \
	"b3dBaBJUm2HpsE/kcHKjCTNIDgLBsdo7BRhzsS0g6gVfRAVzU0l7o6HOCIVdaZ3o\n"                       \
	"u//iVvgOOdoaI9o5A/TDlcVDeG3g/4ondQN82eQTbwKBgQDzKRQGppRkasvyhtLx\n"                       \
	"Di+2RabmvD2eiPuP8a7ZRJtXfWi4cdlqjer+pnJ1srmEauir277N0uqnWgssWtC2\n"                       \
	"mTHIB0uBqeS9t2nBJw7pZPrG27J5SJW1VuLisA8gClxpQrE9+KY5+vV0Nn0I5nJ6\n"                       \
	"//0xsbwEY6tSS3TE1FyqOlklfwKBgQDTqMUYxusL9PIyJ4r7dAnU65HfjzxCklsO\n"                       \
	"f1vTLlSoI+qYUgzPLKvPEseX9ojkyA+IJ7aS/FCa+Ay1TUoRXfV/v0V7ewntBR53\n"                       \
	"FwGy0MwbCoDemxP2K9bpNfK5ax11F4krEAMtIZ1KybKPjMzddnvn2MQiei3l9Y0d\n"                       \
	"7bfh+4llpwKBgQCnGJd2aoqW5vz30MaseD85Vmv3K2x8wU1+AWtSSt8lJD0OYs4x\n"                       \
	"dw0BqYgGcaci5AS39O4Nqt8t2abL+CxtDqEzADBXDlTuOlgmL50DrizW8qqWxdZ7\n"                       \
	"IxYPCUWbkwMmInqCR5iTR23dSoRp1VLeS4PG3oiBy6wzhT7c88IqCKayKQKBgCH+\n"                       \
	"s1ldaZcMCnJfw4TLiGC4TT+Y49bVZuaXMgpjIJm42w8H7qK/zACARap0oFwOfeAi\n"                       \
	"cMJ+3/tj57ae6UyMyMdx0xkYE+oLrm72NQGhY4bcUwJt6fDZ7bSbQ5bgS2TpGNDf\n"                       \
	"y4LOKVM/vfwsYyMWyqPcPvRCp2iN3dJ2wdf77H91AoGBALv4X2GBQhMkKJ+Tczop\n"                       \
	"QZg7CzzJwGqC1OH+wpwaNIWg9pTH41K4bqGm1EwQdF0WPlTuA3hWqtTPfMJsjtMr\n"                       \
	"GKMU3hVlSmzgapjhNmFlBUIv8tmexrEv7K+cI5aus/RpbOde9QZ3awfM1yGCRYiE\n"                       \
	"OHdRg7vDXoz3DwJDZAwAxo3m\n"                                                               \
	"-----END PRIVATE KEY-----\n"
#define FIXTURE_KEY_ED25519                                                                        \
	"-----BEGIN PRIVATE KEY-----\n"                                                            \
	"MC4CAQAwBQYDK2VwBCIEICPvdMWNWahbrLwOKvG7BxJu2ftQfHicUkXjgiDEhI7h\n"                       \
	"-----END PRIVATE KEY-----\n"

#endif
