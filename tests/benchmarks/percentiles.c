/* Numbers from standard input, one a line, in nanoseconds; their figures as the load generator prints them. */
#include "samples.h"

int main(void)
{
    struct samples samples = {0};
    unsigned long long value;
    while (scanf("%llu", &value) == 1)
        note(&samples, value);
    printf("{\"of\": \"input\"");
    print_samples("figures", &samples);
    puts("}");
    return 0;
}
